#pragma once

#include <optional>
#include <span>
#include <vector>

#include "io/loop.hpp"
#include "media/control.hpp"
#include "srtp/context.hpp"
#include "srtp/dtls.hpp"

namespace nearend::media {

/// SRTP of one side of one stream: takes it off what comes in, puts it on what goes out. Where keys change, those of
/// the far end that were are still good for a moment, for what is on its way. One thread; open() and seal() take no
/// memory.
class Protection {
 public:
  enum class Kind : uint8_t { rtp, rtcp };
  /// How long the far end's former keys are taken.
  static constexpr std::chrono::milliseconds old_keys_for{400};

  /// Keys that stay keep their place: no rollover begins anew. None: the far end speaks RTP from now on.
  void set(const Remote& remote, io::Instant now);
  /// True where it has nothing more to do: plain RTP again, and nothing of the former keys is to come.
  bool is_over(io::Instant now) const { return !is_required_ && now >= old_until_; }

  /// A datagram of the handshake, and what is to be sent for it, or because its time has come.
  void shake(std::span<const uint8_t> datagram, io::Instant now);
  void tick(io::Instant now);
  std::vector<srtp::Dtls::Datagram> take_handshake();
  bool has_dtls() const { return dtls_ != nullptr; }
  bool is_shaking() const { return dtls_ && dtls_->state() == srtp::Dtls::State::shaking; }
  /// True where nothing may leave in clear.
  bool is_required() const { return is_required_; }

  /// In place; `datagram` becomes what was protected. False: not the far end's, to be dropped.
  bool open(std::span<uint8_t>& datagram, Kind kind, io::Instant now);
  /// The protected packet, in `room`, which is trailer_max longer than the packet at least. Empty: there are no keys,
  /// or its number was used before; then nothing may be sent.
  std::span<const uint8_t> seal(std::span<const uint8_t> packet, std::span<uint8_t> room, Kind kind);

 private:
  static constexpr size_t retired_max = 8;
  void set_keys(const SrtpKeys& keys, io::Instant now);
  void set_dtls(const DtlsPeer& peer, io::Instant now);
  void take_keys(io::Instant now);
  void retire_receiver(io::Instant now);
  void set_sender(const srtp::MasterKey& key);
  void retire_sender();
  static bool take(srtp::Receiver& receiver, std::span<uint8_t>& datagram, Kind kind);

  bool is_required_ = false;
  std::optional<srtp::Sender> out_;
  std::optional<srtp::Receiver> in_, old_in_;
  io::Instant old_until_{};
  std::optional<DtlsPeer> peer_;
  std::unique_ptr<srtp::Dtls> dtls_;
  std::vector<srtp::Sender> retired_;  // a key that comes back goes on where it was
};

}  // namespace nearend::media
