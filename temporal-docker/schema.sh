#!/bin/sh
# Creates Temporal's two databases and brings both schemas to the version of the temporal-sql-tool that runs this.
# Safe to run again: a database that exists is kept and only missing versions are applied.
# Run it before a newer server starts. SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD say where; server.env says what.
set -eu

sql_tool() {
  database=$1
  shift
  temporal-sql-tool --plugin "$DB" --database "$database" "$@"
}

bring_up_to_date() {
  sql_tool "$1" create-database
  sql_tool "$1" setup-schema --version 0.0
  sql_tool "$1" update-schema --schema-name "$2"
}

bring_up_to_date "$DBNAME" postgresql/v12/temporal
bring_up_to_date "$VISIBILITY_DBNAME" postgresql/v12/visibility
echo "Schemas of $DBNAME and $VISIBILITY_DBNAME are up to date."
