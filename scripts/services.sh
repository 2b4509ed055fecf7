#!/usr/bin/env bash
# Brings up the servers that `npm run test:services` and the benchmarks need, on 127.0.0.1, where they do not answer yet.
#
#   scripts/services.sh up [service...]       all of them, or the named ones
#   scripts/services.sh down                  stops what `up` started, and nothing else; its data goes with it
#   scripts/services.sh status                exits 1 when one of them does not answer
#
#   service    port                    must let in
#   postgres   POSTGRES_PORT (5432)    user postgres, without a password
#   mariadb    MARIADB_PORT (3306)     user root, without a password
#   redis      REDIS_PORT (6379)       anyone
#   rabbitmq   RABBITMQ_PORT (5672)    guest with password guest
#   nats       NATS_PORT (4222)        anyone, with JetStream on
#
# With a Docker engine they are the containers of compose.yaml, else Debian's packages, installed where they are missing
# (as root or by sudo). The servers run from data directories of their own below TMPDIR, so neither the configuration nor
# the data of an installed server is touched.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly state="${TMPDIR:-/tmp}/turnpike-services-$UID"
readonly services=(postgres mariadb redis rabbitmq nats)
readonly start_limit_s=90
readonly -A port=(
  [postgres]="${POSTGRES_PORT:-5432}"
  [mariadb]="${MARIADB_PORT:-3306}"
  [redis]="${REDIS_PORT:-6379}"
  [rabbitmq]="${RABBITMQ_PORT:-5672}"
  [nats]="${NATS_PORT:-4222}"
)
readonly -A port_variable=(
  [postgres]=POSTGRES_PORT [mariadb]=MARIADB_PORT [redis]=REDIS_PORT [rabbitmq]=RABBITMQ_PORT [nats]=NATS_PORT
)

# shellcheck source-path=SCRIPTDIR
source "$here/services/debian.sh"
# shellcheck source-path=SCRIPTDIR
source "$here/services/docker.sh"

main() {
  local command=${1:-}
  shift || true
  command -v node >/dev/null || fail "asking the servers whether they answer needs Node.js"
  case "$command" in
    up) up "$@" ;;
    down) down ;;
    status) status ;;
    *) fail "usage: scripts/services.sh up [service...] | down | status" ;;
  esac
}

up() {
  local wanted=("$@") missing=() service
  ((${#wanted[@]})) || wanted=("${services[@]}")
  for service in "${wanted[@]}"; do
    [[ -v port[$service] ]] || fail "unknown service $service: there are ${services[*]}"
    answers_already "$service" || missing+=("$service")
  done
  ((${#missing[@]})) || return 0

  mkdir -p "$state"
  [[ -O $state ]] || fail "$state belongs to another user"
  local from=debian
  ! docker_engine_answers || from=docker
  "start_with_$from" "${missing[@]}"
  for service in "${missing[@]}"; do
    await_answer "$service" "$from"
  done
}

# Succeeds when the service answers, fails when nothing listens on its port. Something else on the port ends the run:
# it is not ours to stop. It gets ten seconds first, because a server that is just starting refuses logins too.
answers_already() {
  local service=$1 answer limit=$((SECONDS + 10))
  while true; do
    if answer=$(ask "$service"); then
      say "$service" "$answer already answers on port ${port[$service]}"
      return 0
    elif (($? == 1)); then
      return 1
    fi
    ((SECONDS < limit)) || break
    sleep 0.5
  done
  fail "$service: port ${port[$service]} is taken by something that does not answer as expected ($answer)." \
    "Stop it, or choose another port with ${port_variable[$service]}."
}

await_answer() {
  local service=$1 from=$2 answer began=$SECONDS
  until answer=$(ask "$service"); do
    if ! "runs_with_$from" "$service"; then
      fail_with_log "$service" "$from" "ended while it was starting"
    elif ((SECONDS - began >= start_limit_s)); then
      fail_with_log "$service" "$from" "did not answer within $start_limit_s s ($answer)"
    fi
    sleep 0.2
  done
  say "$service" "$answer answers on port ${port[$service]}"
}

down() {
  stop_debian
  stop_docker
  rmdir "$state" 2>/dev/null || true
}

status() {
  local service answer code=0
  for service in "${services[@]}"; do
    if answer=$(ask "$service"); then
      say "$service" "$answer answers on port ${port[$service]}"
    else
      say "$service" "does not answer on port ${port[$service]}: $answer"
      code=1
    fi
  done
  return $code
}

# Prints what answers, or why it does not; the exit code is the one of ask.mjs.
ask() {
  node "$here/services/ask.mjs" "$1" "${port[$1]}"
}

say() {
  printf '%-9s %s\n' "$1" "$2"
}

fail() {
  printf 'services: %s\n' "$*" >&2
  exit 1
}

fail_with_log() {
  local service=$1 from=$2 reason=$3
  printf -- '--- the end of the log of %s\n' "$service" >&2
  "log_with_$from" "$service" | tail -n 30 >&2
  fail "$service $reason"
}

main "$@"
