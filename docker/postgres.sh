#!/bin/bash
# First start of the database container: the two roles, their passwords, the database.
set -euo pipefail

psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname template1 --file /mailplatform/roles.sql
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -v owner_password="$DATABASE_OWNER_PASSWORD" -v app_password="$DATABASE_APP_PASSWORD" <<'SQL'
ALTER ROLE mailplatform_owner PASSWORD :'owner_password' NOCREATEDB;
ALTER ROLE mailplatform_app PASSWORD :'app_password';
CREATE DATABASE mailplatform OWNER mailplatform_owner;
SQL
