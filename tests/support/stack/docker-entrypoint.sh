#!/bin/bash
# Starts PostgreSQL by the conventions of the official image: the variables POSTGRES_USER, POSTGRES_PASSWORD,
# POSTGRES_DB and PGDATA; on an empty PGDATA initdb, a temporary server on the socket only, the scripts of
# /docker-entrypoint-initdb.d, and only then the server everybody can reach. Local connections are trusted.
set -Eeuo pipefail

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

as_root() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 0700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
}

create_cluster() {
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        exit 1
    fi
    initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth-local=trust --auth-host=trust \
        --locale=C.UTF-8 --encoding=UTF8 -D "$PGDATA"
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -p 5432" start
    if [ "$database" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --no-password -U "$user" -d postgres --set db="$database" <<<'CREATE DATABASE :"db"'
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
        *.sh) bash "$script" ;;
        *.sql) psql -v ON_ERROR_STOP=1 --no-password -U "$user" -d "$database" -f "$script" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    echo "PostgreSQL init process complete; ready for start up."
}

[ "${1:-}" = postgres ] || exec "$@"
[ "$(id -u)" != 0 ] || as_root "$@"
[ -s "$PGDATA/PG_VERSION" ] || create_cluster
exec "$@"
