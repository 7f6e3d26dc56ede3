#include "media/protection.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "media/datagrams.hpp"

namespace nearend::media {

void Protection::set(const Remote& remote, io::Instant now) {
  is_required_ = remote.srtp || remote.dtls;
  if (!remote.dtls) {
    dtls_.reset();
    peer_.reset();
  }
  if (remote.srtp) return set_keys(*remote.srtp, now);
  if (remote.dtls) return set_dtls(*remote.dtls, now);
  retire_sender();
  retire_receiver(now);
}

void Protection::set_keys(const SrtpKeys& keys, io::Instant now) {
  if (in_ && in_->key() != keys.receive) retire_receiver(now);
  if (!in_)
    if (auto made = srtp::Receiver::make(keys.receive)) in_ = std::move(*made);
  if (out_ && out_->key() == keys.send) return;
  retire_sender();
  set_sender(keys.send);
}

/// The keys that were stay until there are others.
void Protection::set_dtls(const DtlsPeer& peer, io::Instant now) {
  if (dtls_ && peer_ == peer && dtls_->state() != srtp::Dtls::State::failed) return;
  peer_ = peer;
  dtls_.reset();
  auto theirs = srtp::parse_fingerprint(peer.fingerprint);
  auto ours = srtp::Certificate::of_process();
  if (!theirs || !ours) return;
  const auto role = peer.is_client ? srtp::Dtls::Role::client : srtp::Dtls::Role::server;
  if (auto made = srtp::Dtls::make(std::move(ours), role, std::move(*theirs), now)) dtls_ = std::move(*made);
}

void Protection::shake(std::span<const uint8_t> datagram, io::Instant now) {
  if (!dtls_) return;
  dtls_->input(datagram, now);
  take_keys(now);
}

void Protection::tick(io::Instant now) {
  if (!is_shaking()) return;
  dtls_->on_time(now);
  take_keys(now);
}

void Protection::take_keys(io::Instant now) {
  if (dtls_->state() != srtp::Dtls::State::connected) return;
  const SrtpKeys keys{*dtls_->send_key(), *dtls_->receive_key()};
  if (!out_ || out_->key() != keys.send) set_keys(keys, now);
}

std::vector<srtp::Dtls::Datagram> Protection::take_handshake() {
  return dtls_ ? dtls_->take_output() : std::vector<srtp::Dtls::Datagram>{};
}

void Protection::retire_receiver(io::Instant now) {
  if (!in_) return;
  old_in_ = std::move(in_);
  in_.reset();
  old_until_ = now + old_keys_for;
}

void Protection::retire_sender() {
  if (!out_) return;
  if (retired_.size() == retired_max) retired_.erase(retired_.begin());
  retired_.push_back(std::move(*out_));
  out_.reset();
}

void Protection::set_sender(const srtp::MasterKey& key) {
  const auto known = std::ranges::find(retired_, key, &srtp::Sender::key);
  if (known != retired_.end()) {
    out_ = std::move(*known);
    retired_.erase(known);
  } else if (auto made = srtp::Sender::make(key)) {
    out_ = std::move(*made);
  }
}

bool Protection::take(srtp::Receiver& receiver, std::span<uint8_t>& datagram, Kind kind) {
  const auto outcome = kind == Kind::rtp ? receiver.unprotect(datagram) : receiver.unprotect_rtcp(datagram);
  if (outcome.verdict != srtp::Verdict::good) return false;
  datagram = datagram.first(outcome.size);
  return true;
}

bool Protection::open(std::span<uint8_t>& datagram, Kind kind, io::Instant now) {
  if (!old_in_ || now >= old_until_ || datagram.size() > datagram_size_max)
    return in_ ? take(*in_, datagram, kind) : !is_required_;
  // What fails under one key has been written over.
  std::array<uint8_t, datagram_size_max> copy;
  std::memcpy(copy.data(), datagram.data(), datagram.size());
  const auto restore = [&] { std::memcpy(datagram.data(), copy.data(), datagram.size()); };
  if (in_ && take(*in_, datagram, kind)) return true;
  restore();
  if (take(*old_in_, datagram, kind)) return true;
  restore();
  return !is_required_;
}

std::span<const uint8_t> Protection::seal(std::span<const uint8_t> packet, std::span<uint8_t> room, Kind kind) {
  if (!out_ || packet.size() > room.size()) return {};
  std::memcpy(room.data(), packet.data(), packet.size());
  const auto outcome = kind == Kind::rtp ? out_->protect(room, packet.size()) : out_->protect_rtcp(room, packet.size());
  return room.first(outcome.verdict == srtp::Verdict::good ? outcome.size : 0);
}

}  // namespace nearend::media
