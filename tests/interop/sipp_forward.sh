#!/usr/bin/env bash
# sipp calls a number that only forwards; sipp answers. Over UDP, then over TCP, 40 calls each. No router runs.
source "$(dirname "$0")/common.sh"
skip_without sipp
sip=5810 callee=5820

gateway_file $sip 5811 "[[gateway.provider.target]]
host = \"127.0.0.1\"
port = $callee" >gateway.toml
"$nearend" gateway --config gateway.toml --check
start gateway "$nearend" gateway --config gateway.toml
wait_for_line gateway.log "ready" 20
start callee sipp -sn uas -i 127.0.0.1 -p $callee -nostdin

for transport in u1 t1; do
  sipp -sn uac 127.0.0.1:$sip -s +15550300 -i 127.0.0.1 -p 5830 -t $transport -m 40 -r 20 -d 300 -timeout 60 -nostdin \
    -trace_err -error_file "errors-$transport.log" >"caller-$transport.log" 2>&1 ||
    { echo "calls over $transport failed"; tail -40 "caller-$transport.log"; cat "errors-$transport.log" 2>/dev/null | head -40; cat gateway.log; exit 1; }
done
kill "$pid_gateway" && wait "$pid_gateway" || true
echo "80 calls forwarded; journal: $(events start) starts, $(events answer) answers, $(events end) ends"
[ "$(grep -o '"id":"[^"]*"' journal | sort | uniq -d | wc -l)" -eq 0 ] || { echo "an event id stands twice"; exit 1; }
