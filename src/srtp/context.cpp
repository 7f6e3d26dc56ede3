#include "srtp/context.hpp"

#include <vector>

#include "srtp/index.hpp"
#include "srtp/transform.hpp"

namespace nearend::srtp {
namespace {

constexpr size_t rtp_header_min = 12;
constexpr size_t sources_usual = 4;

uint32_t read32(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}
uint16_t read16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}

/// Bytes that stay in clear: fixed header, CSRCs, extension (RFC 3550 5.1, 5.3.1). 0: no RTP.
size_t rtp_header_size(std::span<const uint8_t> packet) {
  if (packet.size() < rtp_header_min || packet[0] >> 6 != 2) return 0;
  size_t size = rtp_header_min + (packet[0] & 0x0f) * size_t{4};
  if (packet[0] & 0x10) {
    if (packet.size() < size + 4) return 0;
    size += 4 + read16(&packet[size + 2]) * size_t{4};
  }
  return packet.size() < size ? 0 : size;
}

bool is_rtcp_shaped(std::span<const uint8_t> packet) {
  return packet.size() >= Transform::rtcp_header_size && packet[0] >> 6 == 2;
}

/// One SSRC's lines of indices.
struct Source {
  uint32_t ssrc = 0;
  ReplayWindow rtp, rtcp;
};

/// The sources of a key; few, so the list is walked.
class Sources {
 public:
  Sources() { all_.reserve(sources_usual); }
  Source* find(uint32_t ssrc) {
    for (Source& source : all_)
      if (source.ssrc == ssrc) return &source;
    return nullptr;
  }
  /// Null when there are too many.
  Source* add(uint32_t ssrc) {
    if (all_.size() == sources_max) return nullptr;
    all_.emplace_back().ssrc = ssrc;
    return &all_.back();
  }

 private:
  std::vector<Source> all_;
};

/// What both directions are made of.
struct Keyed {
  Keyed(const MasterKey& master, Transform for_rtp, Transform for_rtcp)
      : key(master), rtp(std::move(for_rtp)), rtcp(std::move(for_rtcp)) {}
  MasterKey key;
  Transform rtp, rtcp;
  Sources sources;
};

template <class State>
Result<std::unique_ptr<State>> make_state(const MasterKey& key, Transform::Way way) {
  const auto make = [&](PacketKind kind) -> Result<Transform> {
    auto keys = derive_keys(key, kind);
    if (!keys) return pass(keys);
    return Transform::make(key.suite(), *keys, kind, way);
  };
  auto rtp = make(PacketKind::rtp);
  if (!rtp) return pass(rtp);
  auto rtcp = make(PacketKind::rtcp);
  if (!rtcp) return pass(rtcp);
  return std::make_unique<State>(key, std::move(*rtp), std::move(*rtcp));
}

}  // namespace

struct Sender::State : Keyed {
  using Keyed::Keyed;
};
struct Receiver::State : Keyed {
  using Keyed::Keyed;
};

Sender::Sender(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sender::Sender(Sender&&) noexcept = default;
Sender& Sender::operator=(Sender&&) noexcept = default;
Sender::~Sender() = default;
const MasterKey& Sender::key() const {
  return state_->key;
}

Result<Sender> Sender::make(const MasterKey& key) {
  auto state = make_state<State>(key, Transform::Way::seal);
  if (!state) return pass(state);
  return Sender(std::move(*state));
}

Outcome Sender::protect(std::span<uint8_t> buffer, size_t size) {
  Transform& transform = state_->rtp;
  const size_t header = size <= buffer.size() ? rtp_header_size(buffer.first(size)) : 0;
  if (header == 0 || buffer.size() - size < transform.trailer()) return {Verdict::malformed};
  const uint32_t ssrc = read32(&buffer[8]);
  Source* source = state_->sources.find(ssrc);
  if (!source && !(source = state_->sources.add(ssrc))) return {Verdict::exhausted};
  const auto index = estimate_index(source->rtp, read16(&buffer[2]));
  if (!index || *index > rtp_index_max) return {Verdict::exhausted};
  if (!source->rtp.is_new(*index)) return {Verdict::replayed};
  source->rtp.note(*index);
  const size_t sealed = transform.seal_rtp(buffer.data(), header, size, ssrc, *index);
  return sealed ? Outcome{Verdict::good, sealed} : Outcome{Verdict::malformed};
}

Outcome Sender::protect_rtcp(std::span<uint8_t> buffer, size_t size) {
  Transform& transform = state_->rtcp;
  if (size > buffer.size() || !is_rtcp_shaped(buffer.first(size)) || buffer.size() - size < transform.trailer())
    return {Verdict::malformed};
  const uint32_t ssrc = read32(&buffer[4]);
  Source* source = state_->sources.find(ssrc);
  if (!source && !(source = state_->sources.add(ssrc))) return {Verdict::exhausted};
  const uint64_t index = source->rtcp.has_begun() ? source->rtcp.highest() + 1 : 0;
  if (index > rtcp_index_max) return {Verdict::exhausted};
  source->rtcp.note(index);
  const size_t sealed = transform.seal_rtcp(buffer.data(), size, ssrc, static_cast<uint32_t>(index));
  return sealed ? Outcome{Verdict::good, sealed} : Outcome{Verdict::malformed};
}

Receiver::Receiver(std::unique_ptr<State> state) : state_(std::move(state)) {}
Receiver::Receiver(Receiver&&) noexcept = default;
Receiver& Receiver::operator=(Receiver&&) noexcept = default;
Receiver::~Receiver() = default;
const MasterKey& Receiver::key() const {
  return state_->key;
}

Result<Receiver> Receiver::make(const MasterKey& key) {
  auto state = make_state<State>(key, Transform::Way::open);
  if (!state) return pass(state);
  return Receiver(std::move(*state));
}

Outcome Receiver::unprotect(std::span<uint8_t> packet) {
  Transform& transform = state_->rtp;
  const size_t header = rtp_header_size(packet);
  if (header == 0 || packet.size() < header + transform.trailer()) return {Verdict::malformed};
  const uint32_t ssrc = read32(&packet[8]);
  Source* source = state_->sources.find(ssrc);
  const ReplayWindow unheard;
  const ReplayWindow& window = source ? source->rtp : unheard;
  const auto index = estimate_index(window, read16(&packet[2]));
  if (!index || !window.is_new(*index)) return {Verdict::replayed};
  const size_t opened = transform.open_rtp(packet.data(), header, packet.size(), ssrc, *index);
  if (!opened) return {Verdict::forged};
  if (!source && !(source = state_->sources.add(ssrc))) return {Verdict::exhausted};
  source->rtp.note(*index);
  return {Verdict::good, opened};
}

Outcome Receiver::unprotect_rtcp(std::span<uint8_t> packet) {
  Transform& transform = state_->rtcp;
  if (!is_rtcp_shaped(packet) || packet.size() < Transform::rtcp_header_size + transform.trailer())
    return {Verdict::malformed};
  const uint32_t ssrc = read32(&packet[4]);
  const uint32_t index = transform.index_word(packet.data(), packet.size()) & ~Transform::encrypted_flag;
  Source* source = state_->sources.find(ssrc);
  if (source && !source->rtcp.is_new(index)) return {Verdict::replayed};
  const size_t opened = transform.open_rtcp(packet.data(), packet.size(), ssrc, index);
  if (!opened) return {Verdict::forged};
  if (!source && !(source = state_->sources.add(ssrc))) return {Verdict::exhausted};
  source->rtcp.note(index);
  return {Verdict::good, opened};
}

}  // namespace nearend::srtp
