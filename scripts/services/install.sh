#!/usr/bin/env bash
# Installs Debian packages, as root, and keeps the servers in them from starting, now and at the next boot: they would
# take the ports with a configuration that lets nobody in.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

# One broken source among many does not matter as long as the packages can be had.
apt-get --option Acquire::Retries=3 update || true
apt-get --option Acquire::Retries=3 --option DPkg::Lock::Timeout=300 --yes --no-install-recommends install "$@"

if command -v systemctl >/dev/null; then
  for package in "$@"; do
    case "$package" in
      mariadb-server) systemctl disable mariadb.service mariadb.socket ;;
      chromium) ;; # is no server
      *) systemctl disable "$package.service" ;;
    esac
  done
fi
