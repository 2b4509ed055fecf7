#!/usr/bin/env bash
# Installs the package, as npm would publish it, in a copy of each example, builds and runs it, and compares what it prints with
# its expected.txt. Needs Postgres and RabbitMQ (scripts/services.sh up postgres rabbitmq), whose ports it takes from
# SERVICES_POSTGRES_URL and SERVICES_RABBITMQ_URL, or POSTGRES_PORT and RABBITMQ_PORT.
#
#   scripts/examples.sh [tarball]      without one, the working tree is packed
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
work=$(mktemp -d)
readonly work
postgres=${SERVICES_POSTGRES_URL:-postgres://postgres@127.0.0.1:${POSTGRES_PORT:-5432}/postgres}
readonly postgres
readonly database=turnpike_example_$$

main() {
  trap finish EXIT
  local tarball
  if (($#)); then
    tarball=$(realpath "$1")
  else
    (cd "$here/.." && npm pack --silent --pack-destination "$work")
    tarball=$(echo "$work"/*.tgz)
  fi
  cp -r "$here/../examples/"* "$work"
  check sqlite "$tarball" env DATABASE_FILE=shop.sqlite
  node "$here/examples/database.mjs" "$postgres" "create database $database"
  check postgres-rabbitmq "$tarball" env DATABASE_URL="${postgres%/*}/$database" \
    BROKER_URL="${SERVICES_RABBITMQ_URL:-amqp://guest:guest@127.0.0.1:${RABBITMQ_PORT:-5672}}"
}

check() {
  local example=$1 tarball=$2
  shift 2
  printf '== %s\n' "$example"
  cd "$work/$example"
  npm pkg set "dependencies.nestjs-turnpike=file:$tarball"
  # What its README says, as it is written.
  timeout 300 "$@" bash -euo pipefail -c "$npm_with_driver
    $(node "$here/block.mjs" README.md 'npm install')" | tee printed.txt
  grep --fixed-strings --line-regexp --file expected.txt printed.txt | diff expected.txt -
}

# Without a prebuilt binary, the driver's install script would compile it for minutes: the repository has it already.
export npm_config_ignore_scripts=true npm_config_prefer_offline=true npm_config_audit=false npm_config_fund=false
readonly npm_with_driver='npm() {
  command npm "$@"
  if [[ $1 == install && -d node_modules/better-sqlite3 ]]; then take_driver; fi
}'

take_driver() {
  local built="$REPOSITORY/node_modules/better-sqlite3" version="require('./package.json').version"
  if [[ $(cd "$built" && node -p "$version") == $(cd node_modules/better-sqlite3 && node -p "$version") ]]; then
    cp -r "$built/build" node_modules/better-sqlite3/
  else
    npm_config_ignore_scripts=false command npm rebuild better-sqlite3
  fi
}
export -f take_driver
REPOSITORY=$(realpath "$here/..")
export REPOSITORY

finish() {
  local code=$?
  node "$here/examples/database.mjs" "$postgres" "drop database if exists $database" || true
  rm -rf "$work"
  exit "$code"
}

main "$@"
