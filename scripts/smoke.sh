#!/usr/bin/env bash
# Installs the package, as npm would publish it, in an empty folder with the peers that an outbox on SQLite needs and no
# others, and starts an app there. What the tests inside the repository cannot see shows here: a file that the package
# lacks, an entry that does not resolve, an optional peer that is not optional.
#
#   scripts/smoke.sh [tarball]      without one, the working tree is packed
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
app=$(mktemp -d)
readonly app
trap 'rm -rf "$app"' EXIT

if (($#)); then
  tarball=$(realpath "$1")
else
  (cd "$here/.." && npm pack --silent --pack-destination "$app")
  tarball=$(echo "$app"/*.tgz)
fi

node "$here/smoke/write-package.mjs" "$here/../package.json" "$tarball" >"$app/package.json"
cp "$here/smoke/app.mjs" "$here/smoke/load-entries.mjs" "$app"
cd "$app"
npm install --prefer-offline --no-audit --no-fund
timeout 60 node load-entries.mjs
timeout 60 node app.mjs
# As the pages say, on the app's database.
timeout 60 "$here/run-block.sh" "$here/../README.md" 'DATABASE_URL=sqlite:app.sqlite npx nestjs-turnpike status'
timeout 60 "$here/run-block.sh" "$here/../libs/cli/README.md" 'export DATABASE_URL='
