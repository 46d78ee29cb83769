CREATE ROLE "it-owner" LOGIN;
CREATE ROLE "it-reader";
CREATE ROLE "it-vault" LOGIN CREATEROLE PASSWORD :'password';
GRANT "it-owner", "it-reader" TO "it-vault" WITH ADMIN OPTION;
GRANT pg_signal_backend TO "it-vault";
CREATE DATABASE "it-db" OWNER "it-owner";
REVOKE ALL ON DATABASE "it-db" FROM PUBLIC;
GRANT CONNECT ON DATABASE "it-db" TO "it-reader";
