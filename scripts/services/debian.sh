# The services as processes of Debian's packages; sourced by services.sh.
# shellcheck shell=bash disable=SC2154
#
# $state/<service>-<port>/ holds all there is of a started service: its data, its log, and in `pid` its process id and
# when that process started, so that `down` never ends another process that was given the same id.

readonly -A package=(
  [postgres]=postgresql [mariadb]=mariadb-server [redis]=redis-server [rabbitmq]=rabbitmq-server [nats]=nats-server
)
# The account that Debian's package makes for its server. Root starts the server under it.
readonly -A account=([postgres]=postgres [mariadb]=mysql [redis]=redis [rabbitmq]=rabbitmq [nats]=nats)
readonly stop_limit_s=20

# Debian's /usr/sbin/rabbitmq-server insists on the account; the script behind it does not.
PATH="/usr/lib/rabbitmq/bin:$PATH:/usr/sbin"

start_with_debian() {
  local service missing=()
  for service in "$@"; do
    [[ -n $(program_of "$service") ]] || missing+=("$service")
  done
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
  for service in "$@"; do
    say "$service" "starting on port ${port[$service]}, log in $(directory_of "$service")/log"
    make_directory "$service"
    "start_$service" "$(directory_of "$service")"
  done
}

start_postgres() {
  local directory=$1 programs
  programs=$(dirname "$(program_of postgres)")
  set_up postgres "$programs/initdb" --pgdata="$directory/data" --username=postgres --auth=trust --encoding=UTF8 \
    --locale=C.UTF-8 --no-sync
  launch postgres "$programs/postgres" -D "$directory/data" -p "${port[postgres]}" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=300
}

start_mariadb() {
  local directory=$1
  set_up mariadb mariadb-install-db --no-defaults --datadir="$directory/data" --skip-test-db --skip-name-resolve \
    --auth-root-authentication-method=normal
  launch mariadb mariadbd --no-defaults --datadir="$directory/data" --socket="$directory/socket" \
    --pid-file="$directory/mariadbd.pid" --bind-address=127.0.0.1 --port="${port[mariadb]}" --skip-name-resolve \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_general_ci --max-connections=300
}

start_redis() {
  launch redis redis-server --bind 127.0.0.1 --port "${port[redis]}" --dir "$1" --save '' --appendonly no
}

# Erlang's port mapper outlives the node that starts it, so it is started here, in the server's process group. It and
# Erlang's distribution take the two ports after the service's: the usual ones may belong to an installed RabbitMQ.
start_rabbitmq() {
  local directory=$1 number=${port[rabbitmq]}
  launch rabbitmq env ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$((number + 2)) \
    RABBITMQ_DIST_PORT=$((number + 1)) RABBITMQ_NODE_PORT="$number" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="turnpike-$number@localhost" RABBITMQ_MNESIA_BASE="$directory/data" \
    RABBITMQ_LOG_BASE="$directory" RABBITMQ_LOGS=- RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE="$directory/rabbitmq" RABBITMQ_ENABLED_PLUGINS_FILE="$directory/enabled_plugins" \
    bash -c 'epmd & exec rabbitmq-server'
}

start_nats() {
  launch nats nats-server --addr 127.0.0.1 --port "${port[nats]}" --jetstream --store_dir "$1/data"
}

runs_with_debian() {
  local directory
  directory=$(directory_of "$1")
  [[ -f $directory/pid ]] && is_alive "$directory"
}

log_with_debian() {
  cat "$(directory_of "$1")/log"
}

stop_debian() {
  local directory
  for directory in "$state"/*-*/; do
    [[ ! -d $directory ]] || stop "${directory%/}"
  done
  rm -f "$state/apt.log"
}

# SIGTERM lets Postgres wait for its clients to go; SIGINT is its fast shutdown. What is left of the process group
# afterwards is killed: the port mapper always, the server when it takes too long.
stop() {
  local directory=$1 service signal=TERM pid limit=$((SECONDS + stop_limit_s))
  service=$(basename "${directory%-*}")
  [[ $service != postgres ]] || signal=INT
  if [[ -f $directory/pid ]] && is_alive "$directory"; then
    say "$service" "stopping"
    read -r pid _ <"$directory/pid"
    kill -s "$signal" "$pid"
    while is_alive "$directory" && ((SECONDS < limit)); do sleep 0.1; done
    if is_alive "$directory"; then
      say "$service" "did not stop within $stop_limit_s s and is killed; its log ends:"
      tail -n 5 "$directory/log"
    fi
    kill -s KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -rf "$directory"
}

install_packages() {
  local service names=() as_root=()
  for service in "$@"; do names+=("${package[$service]}"); done
  command -v apt-get >/dev/null || fail "there is neither a Docker engine nor apt-get: start these yourself: $*"
  if ((UID != 0)); then
    as_root=(sudo -n)
    "${as_root[@]}" true 2>/dev/null || fail "these packages are missing, and installing them needs root: ${names[*]}"
  fi
  say apt-get "installing ${names[*]}, log in $state/apt.log"
  "${as_root[@]}" "$here/services/install.sh" "${names[@]}" >"$state/apt.log" 2>&1 </dev/null || {
    tail -n 30 "$state/apt.log" >&2
    fail "could not install ${names[*]}"
  }
}

# The server's program, or nothing. Debian keeps Postgres' programs out of PATH, one folder for each version.
program_of() {
  case "$1" in
    postgres) compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort --version-sort | tail -n 1 ;;
    mariadb) command -v mariadbd ;;
    *) command -v "$1-server" ;;
  esac || true
}

directory_of() {
  printf '%s/%s-%s' "$state" "$1" "${port[$1]}"
}

# An empty directory that the server's account may write to. What an earlier start left there is stopped and thrown away.
make_directory() {
  local service=$1 directory
  directory=$(directory_of "$service")
  [[ ! -d $directory ]] || stop "$directory"
  mkdir "$directory"
  ((UID == 0)) || return 0
  chown "${account[$service]}" "$directory"
  (exec_as_account "$service" test -w "$directory") ||
    fail "user ${account[$service]} may not enter $directory: choose a TMPDIR that is open to others"
}

set_up() {
  local service=$1 directory
  shift
  directory=$(directory_of "$service")
  (cd "$directory" && exec_as_account "$service" "$@") >"$directory/log" 2>&1 ||
    fail_with_log "$service" debian "could not make its data directory"
}

# Starts a server in a process group of its own, which outlives this script.
launch() {
  local service=$1 directory
  shift
  directory=$(directory_of "$service")
  (cd "$directory" && exec_as_account "$service" setsid "$@") >>"$directory/log" 2>&1 </dev/null &
  printf '%s %s\n' "$!" "$(started_at "$!")" >"$directory/pid"
}

# Replaces the subshell that calls it, so that its process id is the command's. HOME and TMPDIR are the service's
# directory: those of the caller may be closed to the account.
exec_as_account() {
  local service=$1
  shift
  HOME=$(directory_of "$service")
  export HOME TMPDIR="$HOME"
  if ((UID == 0)); then
    exec setpriv --reuid="${account[$service]}" --regid="$(id --group "${account[$service]}")" --init-groups -- "$@"
  fi
  exec "$@"
}

is_alive() {
  local pid started
  read -r pid started <"$1/pid"
  [[ -n $started && $(started_at "$pid") == "$started" ]]
}

# When a process started, in clock ticks since the boot (field 22 of its stat); nothing when it has ended. A zombie has.
started_at() {
  awk '{ sub(/.*\) /, ""); if ($1 != "Z") print $20 }' "/proc/$1/stat" 2>/dev/null || true
}
