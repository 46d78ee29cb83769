#!/usr/bin/env bash
# Issues a credential at a path, makes and drops a table with it, and revokes it.
set -euo pipefail

issued=$(vault read -format=json "$1")
field() { python3 -c 'import json, sys; found = json.load(sys.stdin)
for key in sys.argv[1].split("."): found = found[key]
print(found)' "$1" <<<"$issued"; }

PGUSER=$(field data.username) PGPASSWORD=$(field data.password) \
    psql --dbname it-db --quiet --command 'CREATE TABLE used ()' --command 'DROP TABLE used'
vault lease revoke -sync "$(field lease_id)"
