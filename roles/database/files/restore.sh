# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# What the Job of a restore runs, beside the dumps, as the owner of the database:
#
#   MODE             list, or restore
#   DUMP             name of the dump; the newest when it is empty
#   VAULT_ROLE       the role whose session is Vault's own, and in nobody's way
#   DESPITE_SESSIONS true, to go on though others are in the database
#   CHECK            a query that must answer true, if any
#   LOCK_TIMEOUT     how long to wait for what others have locked
#
# A line of what it says begins with a word for programs: dump, table, check, restored, or refused. All is done in one
# transaction, which ends well only when the whole dump was read: so there is the old database or the new one.
#
# Kubernetes takes two dollar signs for one, so nothing here has two.

PGHOST="${PGHOST#\[}"
PGHOST="${PGHOST%\]}"
cd "${BACKUPS:-/backups}" || exit

dumps() {
  for file in "$PGDATABASE"-*.dump; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done | sort -r
}

refuse() {
  printf 'refused %s\n' "$1"
  exit 1
}

# The rows of each table, counted where they are: in the dump. The dollars are awk's.
# shellcheck disable=SC2016
COUNT='
  !inside && /^COPY / {
    rest = substr($0, 6)
    match(rest, /^("([^"]|"")*"|[^". (]+)\.("([^"]|"")*"|[^". (]+)/)
    table = substr(rest, 1, RLENGTH); rows = 0; inside = 1; next
  }
  inside && /^\\\.$/ { print table "\t" rows; inside = 0; next }
  inside { rows++; next }
  /^complete$/ { complete = 1 }
  END { exit !complete }
'

if [ "$MODE" = list ]; then
  dumps | while read -r file; do echo "dump $file $(wc -c < "$file")"; done
  exit 0
fi

dump="${DUMP:-$(dumps | head -n 1)}"
[ -n "$dump" ] || refuse "there is no dump of $PGDATABASE yet"
dumps | grep -qxF -- "$dump" || refuse "there is no dump $dump; there are $(dumps | tr '\n' ' ')"

others=$(psql -XAtq -v ON_ERROR_STOP=1 -v vault="$VAULT_ROLE" <<'SQL'
SELECT string_agg(format('%s (%s)', usename, count), ', ') FROM (
  SELECT usename, count(*) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename <> :'vault' AND backend_type = 'client backend'
  GROUP BY usename ORDER BY usename) AS sessions;
SQL
)
if [ -n "$others" ] && [ "$DESPITE_SESSIONS" != true ]; then refuse "sessions are open in $PGDATABASE: $others"; fi

rows=$({ pg_restore --data-only --file=- "$dump" && echo complete; } | awk "$COUNT") ||
  refuse "nothing was changed: dump $dump can not be read to its end"

# What is written for one version of PostgreSQL may begin with a setting that an older server does not know.
script() {
  printf '%s\n' '\set ON_ERROR_STOP 1'
  echo "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '$LOCK_TIMEOUT';"
  echo "CREATE TEMPORARY TABLE restored_rows (name text, before bigint, dumped bigint);"
  printf '%s' "$rows" | sed "s/'/''/g" | awk -F '\t' "{ printf \"INSERT INTO restored_rows VALUES ('%s', NULL, %s);\n\", \$1, \$2 }"
  cat <<'SQL'
DO $count$ DECLARE each record; found bigint; BEGIN
  FOR each IN SELECT name FROM restored_rows LOOP
    IF to_regclass(each.name) IS NOT NULL THEN
      EXECUTE 'SELECT count(*) FROM ONLY ' || each.name INTO found;
      UPDATE restored_rows SET before = found WHERE name = each.name;
    END IF;
  END LOOP;
END $count$;
SQL
  { pg_restore --clean --if-exists --file=- "$dump" || printf 'ROLLBACK;\n\\quit\n'; } |
    sed "1,40{/^SET transaction_timeout/d;s/^SET lock_timeout = 0;/SET lock_timeout = '$LOCK_TIMEOUT';/;}"
  cat <<'SQL'
RESET search_path;
DO $count$ DECLARE each record; found bigint; BEGIN
  FOR each IN SELECT * FROM pg_temp.restored_rows LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || each.name INTO found;
    IF found <> each.dumped THEN
      RAISE EXCEPTION '% has % rows, and % in the dump', each.name, found, each.dumped;
    END IF;
  END LOOP;
END $count$;
SELECT 'table ' || name || ' ' || coalesce(before::text, '-') || ' ' || dumped FROM pg_temp.restored_rows ORDER BY name;
SELECT set_config('restore.check', :'check', true) <> '' AS checked \gset
\if :checked
DO $check$ DECLARE answer text; BEGIN
  EXECUTE current_setting('restore.check') INTO answer;
  IF answer IS NULL OR NOT (answer::boolean) THEN
    RAISE EXCEPTION 'the check says % and not true', coalesce(answer, 'nothing');
  END IF;
END $check$;
SELECT 'check true';
\endif
COMMIT;
SQL
  printf '%s\n' "\\echo restored $dump"
}

said=$(script | psql -XAtq -v check="$CHECK" -v VERBOSITY=terse -v SHOW_CONTEXT=never 2>&1) ||
  refuse "nothing was changed: $(printf '%s\n' "$said" | sed -n 's/^.*ERROR: *//p' | head -n 1)"
printf '%s\n' "$said" | grep -E '^(table|check|restored) ' || true
printf '%s\n' "$said" | grep -q '^restored ' || refuse "nothing was changed: dump $dump could not be read to its end"
