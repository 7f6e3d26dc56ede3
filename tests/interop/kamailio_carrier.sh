#!/usr/bin/env bash
# Debian's kamailio is the carrier, record-routing both directions and asking the gateway for digest credentials; sipp is
# caller and callee behind it.
source "$(dirname "$0")/common.sh"
skip_without sipp kamailio
sip=5850 carrier=5860 callee=5870

cat >kamailio.cfg <<CFG
debug=1
log_stderror=yes
children=2
disable_tcp=no
listen=udp:127.0.0.1:$carrier
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "xlog.so"
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
    sl_send_reply("404", "Not here");
    exit;
  }
  if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (\$sp == $sip) {
    if (!pv_proxy_authenticate("carrier.example", "open sesame", "0")) {
      proxy_challenge("carrier.example", "0");
      exit;
    }
    consume_credentials();
    record_route();
    \$du = "sip:127.0.0.1:$callee";
    t_relay();
    exit;
  }
  record_route();
  \$du = "sip:127.0.0.1:$sip";
  t_relay();
}
CFG
gateway_file $sip 5851 "[[gateway.provider.target]]
host = \"127.0.0.1\"
port = $carrier
[gateway.provider.credentials]
username = \"nearend\"
password = \"open sesame\"
realm = \"carrier.example\"" >gateway.toml
start gateway "$nearend" gateway --config gateway.toml
wait_for_line gateway.log "ready" 20
start carrier kamailio -DD -E -f kamailio.cfg -Y "$work" -P "$work/kamailio.pid" -m 16 -M 4
start callee sipp -sn uas -i 127.0.0.1 -p $callee -nostdin
timeout 20 bash -c "until sipp -sf '$here/options.xml' 127.0.0.1:$carrier -i 127.0.0.1 -p 5885 -m 1 -timeout 1 -nostdin >/dev/null 2>&1; do :; done" ||
  { echo "kamailio does not answer"; cat carrier.log; exit 1; }

sipp -sf "$here/uac_routed.xml" 127.0.0.1:$carrier -s +15550300 -i 127.0.0.1 -p 5880 -m 40 -r 10 -d 300 -timeout 60 -nostdin \
  -trace_err -error_file errors.log -trace_msg -message_file messages.log >caller.log 2>&1 ||
  { echo "calls through kamailio failed"; tail -30 caller.log; head -40 errors.log; tail -5 carrier.log; cat gateway.log; exit 1; }
echo "40 calls through kamailio, digest and record routing both ways"
