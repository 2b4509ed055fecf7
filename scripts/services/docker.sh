# The services as containers of compose.yaml; sourced by services.sh.
# shellcheck shell=bash disable=SC2154

# A docker client alone is no help: many machines have one without an engine behind it.
docker_engine_answers() {
  docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

compose() {
  docker compose --file "$here/../compose.yaml" "$@"
}

start_with_docker() {
  # Noted before they start: `down` must know of them also when one of them fails.
  printf '%s\n' "$@" >>"$state/containers"
  say docker "starting $*"
  compose up --detach --wait --wait-timeout "$start_limit_s" "$@" || {
    compose logs --tail 30 "$@" >&2
    fail "Docker could not bring up all of: $*"
  }
}

runs_with_docker() {
  [[ -n $(compose ps --quiet --status running "$1") ]]
}

log_with_docker() {
  compose logs --tail 30 "$1"
}

stop_docker() {
  [[ -f $state/containers ]] || return 0
  local names
  mapfile -t names < <(sort --unique "$state/containers")
  compose rm --stop --force --volumes "${names[@]}"
  rm "$state/containers"
}
