#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/leg.hpp"

namespace nearend::gateway {

/// All legs of a gateway and the ways to find them. A call here is no more than the legs that share its id, and the
/// newest epoch seen of its router. Gateway's loop only.
class Legs {
 public:
  Legs(io::Loop& loop, media::Control& media) : loop_(loop), media_(media) {}

  /// A new leg of a call; `id` empty: one is made. Null when a leg of that id is there.
  Leg* make(std::string call, std::string id = {});
  void bind_outer(Leg& leg, sip::DialogId dialog);
  void bind_link(Leg& leg, sip::DialogId dialog);
  /// Whose events are the leg's; its media may have let go of it before the leg is retired.
  void bind_anchor(Leg& leg, media::AnchorId anchor);
  /// Takes the leg out of every index; it is destroyed at the next turn of the loop.
  void retire(Leg& leg);

  Leg* by_id(std::string_view id);
  Leg* by_outer(sip::DialogId dialog);
  Leg* by_link(sip::DialogId dialog);
  Leg* by_anchor(media::AnchorId anchor);
  /// Legs of the call that `parent` had dialled.
  std::vector<Leg*> children_of(const Leg& parent);
  std::vector<Leg*> all();
  size_t size() const { return legs_.size(); }
  /// What they take of the gateway's capacity: one of speech is 1, one with pictures as much as the policy reckons
  /// with.
  double units() const { return units_; }
  /// What the leg carries, as soon as that is known; until then it counts as speech.
  void weigh(Leg& leg, const std::vector<media::StreamKind>& streams);

  /// False for an epoch older than the newest of its call; remembers a newer one.
  bool is_current(const std::string& call, uint64_t epoch);
  uint64_t epoch_of(const std::string& call) const;

 private:
  struct Call {
    uint64_t epoch = 0;
    std::vector<Leg*> legs;
  };
  template <class Id>
  static Leg* find(const std::unordered_map<Id, Leg*>& index, Id id) {
    const auto found = index.find(id);
    return found == index.end() ? nullptr : found->second;
  }

  io::Loop& loop_;
  media::Control& media_;
  double units_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Leg>> legs_;
  std::unordered_map<std::string, Call> calls_;
  std::unordered_map<sip::DialogId, Leg*> outer_, link_;
  std::unordered_map<media::AnchorId, Leg*> anchors_;
};

}  // namespace nearend::gateway
