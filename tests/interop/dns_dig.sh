#!/usr/bin/env bash
# BIND's dig asks the policy server's name server on loopback: over UDP and TCP, with a client's subnet, with cookies,
# and what must be refused.
source "$(dirname "$0")/common.sh"
skip_without dig
port=5953

cat >topology.toml <<'TOML'
[[gateway]]
name = "eu-gw1"
region = "eu/de1"
link_uri = "sip:198.51.100.7:5070;transport=tcp"
[[gateway]]
name = "us-gw1"
region = "us/va1"
link_uri = "sip:203.0.113.9:5070;transport=tcp"
[[rtt]]
a = "eu/de1"
b = "us/va1"
ms = 90
[[area]]
name = "isp-de"
region = "eu/de1"
networks = ["100.64.0.0/16"]
[[area]]
name = "isp-us"
region = "us/va1"
networks = ["100.65.0.0/16"]
TOML
cat >policy.toml <<TOML
topology = "topology.toml"
[policy_server]
listen = "127.0.0.1:5954"
[policy_server.dns]
listen = "127.0.0.1:$port"
zone = "voice.example.com"
region = "eu/de1"
[[policy_server.dns.gateway]]
name = "eu-gw1"
sip = ["udp:198.51.100.7:5060", "tls:198.51.100.7:5061"]
[[policy_server.dns.gateway]]
name = "us-gw1"
sip = ["udp:203.0.113.9:5060"]
[[policy_server.dns.name_server]]
name = "ns1.voice.example.com"
addresses = ["127.0.0.1"]
TOML
start policy "$nearend" policy --config policy.toml
wait_for_line policy.log "ready" 20

asked=0
# expect TEXT DIG_ARGUMENTS...: what dig prints has the text, and dig is content with the form of it.
expect() {
  local text=$1
  shift
  dig "@127.0.0.1" -p $port +norecurse +tries=1 +time=3 "$@" >answer.txt 2>&1 || { echo "dig $* failed"; cat answer.txt; exit 1; }
  if ! grep -qE -- "$text" answer.txt || grep -qiE "malformed|extra bytes|mismatch" answer.txt; then
    echo "dig $*: '$text' is not there"
    cat answer.txt policy.log
    exit 1
  fi
  asked=$((asked + 1))
}
for transport in +notcp +tcp; do
  expect '^198\.51\.100\.7$' $transport +short voice.example.com A
  expect '^203\.0\.113\.9$' $transport +short +subnet=100.65.7.0/24 voice.example.com A
  expect 'CLIENT-SUBNET: 100\.65\.7\.0/24/16' $transport +subnet=100.65.7.0/24 voice.example.com A
  expect 'CLIENT-SUBNET: 0\.0\.0\.0/0/0' $transport +subnet=0 voice.example.com A
  expect '^50 50 "s" "SIPS\+D2T" "" _sips\._tcp\.voice\.example\.com\.$' $transport +short voice.example.com NAPTR
  expect '^20 1000 5060 us-gw1\.gw\.voice\.example\.com\.$' $transport +short _sip._udp.voice.example.com SRV
  expect 'IN[[:space:]]+A[[:space:]]+203\.0\.113\.9' $transport +additional _sip._udp.us.voice.example.com SRV
  expect 'status: NXDOMAIN' $transport nobody.voice.example.com A
  expect 'IN[[:space:]]+SOA[[:space:]]+ns1\.voice\.example\.com\. hostmaster\.voice\.example\.com\.' $transport voice.example.com AAAA
  expect 'status: REFUSED' $transport www.example.com A
  expect 'status: BADVERS' $transport +noednsneg +edns=1 voice.example.com A
  expect 'status: NOTIMP' $transport +opcode=NOTIFY voice.example.com SOA
  expect 'HINFO[[:space:]]+"RFC8482"' $transport voice.example.com ANY
  expect '^VOICE\.eXample\.com\.[[:space:]]+20[[:space:]]+IN[[:space:]]+A' $transport VOICE.eXample.com A
  expect 'status: NOERROR' $transport +cookie +dnssec voice.example.com A
  expect 'status: NOERROR' $transport +noedns voice.example.com NS
done
expect 'flags: qr aa.*QUERY: 1, ANSWER: 1' +tcp +keepopen eu-de1.voice.example.com A us-va1.voice.example.com A
expect 'Transfer failed' voice.example.com AXFR
exec 3<>/dev/tcp/127.0.0.1/5954
printf 'GET /metrics HTTP/1.0\r\nHost: policy\r\n\r\n' >&3
cat <&3 >metrics.txt
grep -qE '^nearend_policy_dns_queries_total\{type="SRV",code="NOERROR"\} [1-9]' metrics.txt || { echo "no metrics"; cat metrics.txt; exit 1; }
echo "$asked questions of dig answered"
