#include "media/source_gate.hpp"

#include <algorithm>

namespace nearend::media {

void SourceGate::set(const Remote& remote) {
  *this = SourceGate();
  rtp_ = remote.rtp;
  update_rule(remote);
}

void SourceGate::update_rule(const Remote& remote) {
  is_mux_ = remote.is_rtcp_mux;
  rtcp_ = remote.rtcp.value_or(Endpoint{rtp_.address, static_cast<uint16_t>(is_mux_ ? rtp_.port : rtp_.port + 1)});
  also_ = remote.source.also;
  is_learning_ = remote.source.mode == SourceRule::Mode::learn;
}

bool SourceGate::is_listed(const IpAddress& address) const {
  return std::any_of(also_.begin(), also_.end(), [&](const Cidr& block) { return block.contains(address); });
}

void SourceGate::lock(const Endpoint& from) {
  is_locked_ = true;
  locked_ = from;
  has_ssrc_ = false;
  candidate_count_ = 0;
}

SourceGate::Verdict SourceGate::admit(const Endpoint& from, uint32_t ssrc, uint16_t sequence, bool is_pinned,
                                      io::Instant now) {
  if (!admit_source(from, ssrc, sequence, now)) return Verdict::stranger;
  last_ = now;
  if (!is_pinned || !has_ssrc_ || ssrc == ssrc_) {
    ssrc_ = ssrc;
    has_ssrc_ = true;
    has_candidate_ssrc_ = false;
    return Verdict::accepted;
  }
  if (!has_candidate_ssrc_ || new_ssrc_ != ssrc) {
    has_candidate_ssrc_ = true;
    new_ssrc_ = ssrc;
    return Verdict::probation;
  }
  ssrc_ = ssrc;
  has_candidate_ssrc_ = false;
  has_new_ssrc_ = true;
  return Verdict::accepted;
}

bool SourceGate::admit_source(const Endpoint& from, uint32_t ssrc, uint16_t sequence, io::Instant now) {
  if (rtp_.port == 0) return false;
  if (is_locked_ && from == locked_) return true;
  if (from == rtp_) {
    // The described address always opens a strict gate; a learning one it takes over only while learning.
    if (!is_learning_ || !is_locked_ || now - learn_since_ <= learn_window) {
      lock(from);
      return true;
    }
  }
  if (!is_learning_) {
    if (!is_listed(from.address) || (is_locked_ && now - last_ < relearn_after)) return false;
    lock(from);
    return true;
  }
  if (is_locked_ && (now - last_ < relearn_after || !has_ssrc_ || ssrc != ssrc_)) return false;
  return learn(from, ssrc, sequence, now);
}

bool SourceGate::learn(const Endpoint& from, uint32_t ssrc, uint16_t sequence, io::Instant now) {
  if (!has_learn_begun_ || now - learn_since_ > learn_window + relearn_after) {
    has_learn_begun_ = true;
    learn_since_ = now;
    learned_packets_ = candidate_count_ = 0;
  }
  if (now - learn_since_ > learn_window || learned_packets_ >= learn_packets) return false;
  ++learned_packets_;
  const bool follows = candidate_count_ > 0 && from == candidate_ && ssrc == candidate_ssrc_ &&
                       static_cast<uint16_t>(sequence - candidate_sequence_) == 1;
  candidate_count_ = follows ? static_cast<uint8_t>(candidate_count_ + 1) : uint8_t{1};
  candidate_ = from;
  candidate_ssrc_ = ssrc;
  candidate_sequence_ = sequence;
  if (candidate_count_ < learn_in_order) return false;
  lock(from);
  return true;
}

bool SourceGate::may_admit(const Endpoint& from) const {
  if (rtp_.port == 0) return false;
  return is_learning_ || from == rtp_ || from == rtcp_ || (is_locked_ && from.address == locked_.address) ||
         is_listed(from.address);
}

bool SourceGate::admit_rtcp(const Endpoint& from) {
  if (is_rtcp_locked_) return from == locked_rtcp_;
  const bool is_expected = from == rtcp_ || (is_locked_ && from.address == locked_.address) ||
                           (is_mux_ && from == rtp_ && rtp_.port != 0) || (!is_learning_ && is_listed(from.address));
  if (!is_expected || from.port == 0) return false;
  is_rtcp_locked_ = is_learning_;
  locked_rtcp_ = from;
  return true;
}

std::optional<SourceGate::Known> SourceGate::known() const {
  if (!is_locked_ || !has_ssrc_ || has_candidate_ssrc_) return std::nullopt;
  return Known{locked_, ssrc_};
}

Endpoint SourceGate::rtp_target() const {
  if (is_learning_ && is_locked_) return locked_;
  return rtp_.address.is_unspecified() ? Endpoint{} : rtp_;
}

Endpoint SourceGate::rtcp_target() const {
  if (is_learning_ && is_rtcp_locked_) return locked_rtcp_;
  if (is_learning_ && is_locked_)
    return {locked_.address, static_cast<uint16_t>(is_mux_ ? locked_.port : locked_.port + 1)};
  return rtp_.port == 0 || rtcp_.address.is_unspecified() ? Endpoint{} : rtcp_;
}

}  // namespace nearend::media
