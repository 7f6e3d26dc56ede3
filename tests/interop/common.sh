# Shared by the interoperability tests: each runs real programs on loopback, waits for events, and ends what it started.
# Called as: <test>.sh NEAREND_BINARY WORK_DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
nearend=$(realpath "$1")
work=$2
rm -rf "$work" && mkdir -p "$work"
cd "$work"
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap finish EXIT

skip_without() {
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "SKIPPED: $program is not installed (tools/packages.txt)"; exit 77; }
  done
}

# wait_for_line FILE TEXT SECONDS: until the file has the text.
wait_for_line() {
  timeout "$3" bash -c 'until grep -q -- "$1" "$0" 2>/dev/null; do read -rt 0.05 <> <(:) || true; done' "$1" "$2" ||
    { echo "'$2' never came in $1:"; tail -20 "$1"; exit 1; }
}

# start NAME COMMAND...: in the background, output to NAME.log
start() {
  local name=$1
  shift
  "$@" >"$name.log" 2>&1 &
  started+=($!)
  eval "pid_$name=$!"
}

# gateway_file SIP_PORT LINK_PORT PROVIDER_TOML: a gateway that forwards +15550300 to +15550200 through its provider.
gateway_file() {
  cat <<TOML
http_listen = "127.0.0.1:$(($1 + 3))"
[media]
port_first = $((20000 + ($1 % 1000) * 40))
port_last = $((20000 + ($1 % 1000) * 40 + 399))
recordings = "$work/recordings"
[gateway]
name = "gw"
journal_path = "$work/journal"
[[gateway.listen]]
protocol = "udp"
local = "127.0.0.1:$1"
[[gateway.listen]]
protocol = "tcp"
local = "127.0.0.1:$1"
[[gateway.link_listen]]
protocol = "tcp"
local = "127.0.0.1:$2"
[[gateway.number]]
value = "+15550300"
account_sid = "AC000000000000000000000000000000aa"
kind = "forward"
forward_to = "+15550200"
[[gateway.provider]]
name = "carrier"
addresses = ["127.0.0.0/8"]
options_ping = "0s"
$3
TOML
}

# events KIND: how many such events the journal has.
events() { grep -c "\"kind\":\"$1\"" "$work/journal" || true; }
