#!/usr/bin/env bash
# Revokes a lease while its login has a transaction open that holds a lock on a table of its own.
set -euo pipefail

PGUSER=$SESSION_USER PGPASSWORD=$SESSION_PASSWORD psql --dbname it-db \
    --command 'SET ROLE none' --command BEGIN --command 'LOCK TABLE mine' --command 'SELECT pg_sleep(300)' &
session=$!

holds_lock() {
    psql --dbname it-db -Atc "SELECT 1 FROM pg_locks WHERE relation = 'mine'::regclass AND mode = 'AccessExclusiveLock'"
}
for _ in {1..300}; do
    [[ $(holds_lock) ]] && break
    sleep 0.1
done
[[ $(holds_lock) ]]

vault lease revoke -sync "$1"
if wait "$session"; then
    echo "the session outlived its lease" >&2
    exit 1
fi
