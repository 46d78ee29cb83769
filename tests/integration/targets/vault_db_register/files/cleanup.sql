DROP DATABASE IF EXISTS "it-db" WITH (FORCE);
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname LIKE 'v-%-it-read%' \gexec
DROP ROLE IF EXISTS "it-vault", "it-reader", "it-owner", "it-report";
