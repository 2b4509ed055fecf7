#!/usr/bin/env bash
# Prints where Chromium is, and installs Debian's when there is none (as root or by sudo). The tests of pages need it.
# BROWSER names another one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

main() {
  local browser log
  browser=$(find_browser)
  if [[ -z $browser ]]; then
    log=$(mktemp)
    install_chromium >"$log" 2>&1 </dev/null || {
      tail -n 30 "$log" >&2
      fail 'could not install the package chromium: install it, or say where a Chromium is with BROWSER.'
    }
    rm -f "$log"
    browser=$(find_browser)
  fi
  [[ -x $browser ]] || fail "there is no program ${browser:-chromium}."
  printf '%s\n' "$browser"
}

find_browser() {
  printf '%s' "${BROWSER:-$(command -v chromium || true)}"
}

install_chromium() {
  command -v apt-get >/dev/null || return
  local as_root=()
  ((UID == 0)) || as_root=(sudo -n)
  "${as_root[@]}" services/install.sh chromium
}

fail() {
  printf 'browser: %s\n' "$*" >&2
  exit 1
}

main
