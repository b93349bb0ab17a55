#!/bin/sh
# Entry point of the stand-in for the official image of PostgreSQL. It supports what compose.yaml uses.
set -eu
data=/var/lib/postgresql/data
bin=$(dirname "$(command -v initdb)") # stand_ins.sh sets PATH
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
mkdir -p "$data" /run/postgresql
chown postgres:postgres "$data" /run/postgresql
chmod 700 "$data"
if [ ! -s "$data/PG_VERSION" ]; then
  as "$bin/initdb" --pgdata="$data" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  as "$bin/pg_ctl" --pgdata="$data" --options="-c listen_addresses=''" --wait start >/dev/null
  as "$bin/createdb" --username="$POSTGRES_USER" "$POSTGRES_DB" || true
  as "$bin/pg_ctl" --pgdata="$data" --mode=fast --wait stop >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$bin/postgres" -D "$data" -c listen_addresses='*'
