CREATE ROLE "perf-owner";
CREATE ROLE "perf-reader";
CREATE ROLE "perf-vault" LOGIN CREATEROLE PASSWORD 'perf';
GRANT "perf-owner", "perf-reader" TO "perf-vault" WITH ADMIN OPTION;
GRANT pg_signal_backend TO "perf-vault";
CREATE DATABASE "perf-db" OWNER "perf-owner";
GRANT CONNECT ON DATABASE "perf-db" TO "perf-reader";
