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
  if (is_learning_ && !candidates_) candidates_ = std::make_unique<std::array<Candidate, candidates_max>>();
}

bool SourceGate::is_listed(const IpAddress& address) const {
  return std::any_of(also_.begin(), also_.end(), [&](const Cidr& block) { return block.contains(address); });
}

void SourceGate::lock(const Endpoint& from) {
  is_locked_ = true;
  locked_ = from;
  has_ssrc_ = false;
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
  // Whoever was first at an open port is not whoever the call is with: an address that is expected takes over from one
  // that is not, for as long as the window is open.
  const bool takes_over =
      is_locked_ && is_expected(from.address) && !is_expected(locked_.address) && now - learn_since_ <= learn_window;
  if (is_locked_ && !takes_over && (now - last_ < relearn_after || !has_ssrc_ || ssrc != ssrc_)) return false;
  return learn(from, ssrc, sequence, now);
}

bool SourceGate::is_expected(const IpAddress& address) const {
  return address == rtp_.address || is_listed(address);
}

/// The source's own place, or that of the one who has shown least.
SourceGate::Candidate& SourceGate::candidate_of(const Endpoint& from, io::Instant now) {
  Candidate* least = nullptr;
  for (Candidate& one : *candidates_) {
    const bool is_over = now - one.since > learn_window;
    if (one.from == from && !is_over) return one;
    const auto worth = [&](const Candidate& of) { return now - of.since > learn_window ? 0 : of.in_order; };
    if (!least || worth(one) < worth(*least) || (worth(one) == worth(*least) && one.since < least->since)) least = &one;
  }
  *least = Candidate{.from = from, .since = now};
  return *least;
}

bool SourceGate::is_contested(const Candidate& by, io::Instant now) const {
  return std::ranges::any_of(*candidates_, [&](const Candidate& one) {
    return &one != &by && one.in_order > 1 && now - one.last < rival_for;
  });
}

bool SourceGate::learn(const Endpoint& from, uint32_t ssrc, uint16_t sequence, io::Instant now) {
  Candidate& one = candidate_of(from, now);
  const bool is_ours = is_expected(from.address);
  if (!is_ours && one.packets >= learn_packets) return false;
  one.packets = static_cast<uint8_t>(std::min<int>(one.packets + 1, 255));
  const bool follows = one.in_order > 0 && ssrc == one.ssrc && static_cast<uint16_t>(sequence - one.sequence) == 1;
  one.in_order = follows ? static_cast<uint8_t>(one.in_order + 1) : uint8_t{1};
  one.ssrc = ssrc;
  one.sequence = sequence;
  one.last = now;
  if (one.in_order < learn_in_order || (!is_ours && (now - one.since < learn_span || is_contested(one, now))))
    return false;
  lock(from);
  learn_since_ = now;
  *candidates_ = {};
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
