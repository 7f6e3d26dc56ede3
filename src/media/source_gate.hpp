#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "io/loop.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// Decides whose packets one side of one stream accepts, and where its own go (reliability.md TH1, TH2). Strict: the
/// address of the session description and the listed networks. Learn: the description's address at once, any other
/// after three packets in order from one source, within 2 s and its first 5 packets; then locked, SSRC pinned. The
/// description's own host and the listed networks are expected: they need the three packets too, but strangers neither
/// use up their chance nor keep the place against them. No allocation after set().
class SourceGate {
 public:
  enum class Verdict : uint8_t {
    accepted,
    stranger,   ///< Not from there: drop and count.
    probation,  ///< Right address, another SSRC, not yet believed.
  };
  static constexpr uint8_t learn_packets = 5;  ///< Of one source; who has not shown a stream by then is none.
  static constexpr uint8_t learn_in_order = 3;
  static constexpr size_t candidates_max = 4;
  /// From its first to its third packet, for one who is not expected: a burst is no stream.
  static constexpr std::chrono::milliseconds learn_span{20};
  /// How long another who is not expected stands in its way: nobody is learned from a flood.
  static constexpr std::chrono::milliseconds rival_for{60};
  static constexpr std::chrono::seconds learn_window{2};
  /// A locked source that was silent for this long may come back from another address with the same SSRC (NAT
  /// rebinding).
  static constexpr std::chrono::seconds relearn_after{5};

  void set(const Remote& remote);
  /// The same address with other details (a re-INVITE that moves nothing): what was learned stays.
  void update_rule(const Remote& remote);
  /// `is_pinned`: one SSRC at a time (audio).
  Verdict admit(const Endpoint& from, uint32_t ssrc, uint16_t sequence, bool is_pinned, io::Instant now);
  bool admit_rtcp(const Endpoint& from);
  /// False where no rule could accept that address, whatever the packet says. Learns nothing: for what must be
  /// authenticated first and is not worth the cost.
  bool may_admit(const Endpoint& from) const;

  /// The one source whose packets are taken, once that is settled: locked, and its SSRC in no doubt.
  struct Known {
    Endpoint from;
    uint32_t ssrc = 0;
  };
  std::optional<Known> known() const;
  /// Packets of the known source were taken elsewhere, the last one then.
  void note_alive(io::Instant last) { last_ = std::max(last_, last); }

  /// Where RTP goes: the learned source, else the description's. Port 0: nowhere.
  Endpoint rtp_target() const;
  Endpoint rtcp_target() const;
  bool is_rtcp_mux() const { return is_mux_; }
  const Endpoint& described() const { return rtp_; }
  /// True once after the pinned SSRC changed.
  bool take_ssrc_change() { return std::exchange(has_new_ssrc_, false); }

 private:
  bool is_listed(const IpAddress& address) const;
  /// The description's own address from another port, or a listed network.
  bool is_expected(const IpAddress& address) const;
  bool admit_source(const Endpoint& from, uint32_t ssrc, uint16_t sequence, io::Instant now);
  bool learn(const Endpoint& from, uint32_t ssrc, uint16_t sequence, io::Instant now);
  void lock(const Endpoint& from);

  /// One who may turn out to be the far end.
  struct Candidate {
    Endpoint from;
    io::Instant since{}, last{};
    uint32_t ssrc = 0;
    uint16_t sequence = 0;
    uint8_t in_order = 0, packets = 0;
  };
  /// Two streams at once: one of them is a stranger's, and we can not tell which.
  bool is_contested(const Candidate& by, io::Instant now) const;
  Candidate& candidate_of(const Endpoint& from, io::Instant now);

  Endpoint rtp_, rtcp_, locked_, locked_rtcp_;
  std::vector<Cidr> also_;
  std::unique_ptr<std::array<Candidate, candidates_max>> candidates_;  // only where it learns
  io::Instant learn_since_{}, last_{};
  uint32_t ssrc_ = 0, new_ssrc_ = 0;
  bool is_learning_ = false, is_mux_ = false, is_locked_ = false, is_rtcp_locked_ = false, has_ssrc_ = false,
       has_candidate_ssrc_ = false, has_new_ssrc_ = false;
};

}  // namespace nearend::media
