#!/usr/bin/env bash
# Runs a shell block of a page as it is written, in the working directory: the one that begins with these words.
#
#   scripts/run-block.sh README.md 'npx nest build'
set -euo pipefail

block=$(node "$(dirname "${BASH_SOURCE[0]}")/block.mjs" "$@")
printf '%s\n' "$block" | sed 's/^/$ /'
bash -euo pipefail -c "$block"
