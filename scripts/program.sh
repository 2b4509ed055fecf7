#!/usr/bin/env bash
# Prints where a program is that some tests need, and installs Debian's package of that name where there is none (as root or
# by sudo). BROWSER and PGBOUNCER name another one.
#
#   scripts/program.sh chromium      for the tests of pages
#   scripts/program.sh pgbouncer     for those behind a connection pooler
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH="$PATH:/usr/sbin" # where Debian keeps servers

main() {
  local program=${1:-} variable found log
  case "$program" in
    chromium) variable=BROWSER ;;
    pgbouncer) variable=PGBOUNCER ;;
    *) fail 'usage: scripts/program.sh chromium | pgbouncer' ;;
  esac
  found=$(find_program)
  if [[ -z $found ]]; then
    log=$(mktemp)
    install_program >"$log" 2>&1 </dev/null || {
      tail -n 30 "$log" >&2
      fail "could not install the package $program: install it, or say where the program is with $variable."
    }
    rm -f "$log"
    found=$(find_program)
  fi
  [[ -x $found ]] || fail "there is no program ${found:-$program}."
  printf '%s\n' "$found"
}

find_program() {
  printf '%s' "${!variable:-$(command -v "$program" || true)}"
}

install_program() {
  command -v apt-get >/dev/null || return
  local as_root=()
  ((UID == 0)) || as_root=(sudo -n)
  "${as_root[@]}" services/install.sh "$program"
}

fail() {
  printf 'program: %s\n' "$*" >&2
  exit 1
}

main "$@"
