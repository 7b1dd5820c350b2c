#: Install what is missing, build the release, and start the gateway.
#:
#: usage: ./dev run [ARGUMENTS OF prism serve]
#:
#: Without arguments: data on 127.0.0.1:8980, admin on 127.0.0.1:8981, no configuration needed.
#: Prints the addresses and three commands to try as soon as the gateway listens. Ctrl-C stops it.

source tools/dev/build.sh

# Waits for the ready file of process PID (this script, which becomes the gateway) and greets.
greet_when_ready() {
  local pid="$1" file="$2" data admin server=""
  until [ -s "$file" ]; do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  data="$(sed -n 's/.*"data": *"\([^"]*\)".*/\1/p' "$file")"
  admin="$(sed -n 's/.*"admin": *"\([^"]*\)".*/\1/p' "$file")"
  rm -rf "$(dirname "$file")"
  [ "$data" = 127.0.0.1:8980 ] || server=" --server $data"
  cat <<TXT

Prism is ready: data on $data, admin on $admin. In another terminal try:

  build/release/prism kv set default greeting hello$server
  build/release/prism kv get default greeting$server
  curl http://$admin/metrics

TXT
}

dev_run() {
  dev_build release
  local ready argument
  for argument in "$@"; do
    # Who brings a ready file waits for it alone.
    case "$argument" in --ready-file*) exec build/release/prism serve "$@" ;; esac
  done
  ready="$(mktemp -d)/ready.json"
  greet_when_ready $$ "$ready" &
  exec build/release/prism serve --ready-file "$ready" "$@"
}
