#!/bin/sh
# Creates the roles and the database of the program, and the role of the Temporal server, with the passwords of .env.
# Safe to run again: what exists is kept and its password is set anew, so this is also how a password is changed.
# PGHOST, PGUSER and PGPASSWORD name the superuser.
set -eu

psql --dbname postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
  --set owner_password="$ARCADIA_OWNER_PASSWORD" \
  --set app_password="$ARCADIA_APP_PASSWORD" \
  --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
-- The owner migrates and owns the tables; the app role owns nothing, so row level security binds it.
SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY['arcadia_owner', 'arcadia_app', 'temporal']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

ALTER ROLE arcadia_owner LOGIN PASSWORD :'owner_password';
ALTER ROLE arcadia_app LOGIN NOBYPASSRLS PASSWORD :'app_password';
-- CREATEDB because schema.sh creates temporal and temporal_visibility as this role.
ALTER ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';

SELECT 'CREATE DATABASE arcadia OWNER arcadia_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'arcadia') \gexec
REVOKE ALL ON DATABASE arcadia FROM PUBLIC;
GRANT CONNECT ON DATABASE arcadia TO arcadia_app;
SQL
echo 'Roles and the database arcadia are in place.'
