#pragma once

#include <memory>
#include <span>

#include "srtp/suite.hpp"

namespace nearend::srtp {

/// What became of a packet.
enum class Verdict : uint8_t {
  good,
  malformed,  ///< No RTP or RTCP, or too short to carry a tag, or the buffer has no room.
  forged,     ///< Not authenticated by our key.
  replayed,   ///< Seen before, or too old to tell.
  exhausted,  ///< The key has done all that it may (indices used up, too many sources).
};
struct Outcome {
  Verdict verdict = Verdict::malformed;
  size_t size = 0;  ///< Of the packet afterwards; only when good.
};

/// How many SSRCs one key may serve in a direction. Room for the usual few is there from the start; one more takes
/// memory when it is first heard, authenticated.
inline constexpr size_t sources_max = 64;

/// Protects what we send with one master key (RFC 3711, 7714). Never twice with the same key, SSRC and index: a
/// repeated or too old sequence number is refused, ROC follows the numbers it is given. One thread; no memory, no
/// OpenSSL look-up per packet.
class Sender {
 public:
  /// Errors: internal (OpenSSL lacks the cipher).
  static Result<Sender> make(const MasterKey& key);
  Sender(Sender&&) noexcept;
  Sender& operator=(Sender&&) noexcept;
  ~Sender();

  /// In place: the packet is the first `size` bytes of `buffer`, which has room for trailer_max more.
  Outcome protect(std::span<uint8_t> buffer, size_t size);
  Outcome protect_rtcp(std::span<uint8_t> buffer, size_t size);
  const MasterKey& key() const;

 private:
  struct State;
  explicit Sender(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Takes the protection off what comes in. Nothing is learned from a packet before it is authenticated. After `forged`
/// the bytes are worthless. One thread; no memory, no OpenSSL look-up per packet.
class Receiver {
 public:
  /// Errors: internal (OpenSSL lacks the cipher).
  static Result<Receiver> make(const MasterKey& key);
  Receiver(Receiver&&) noexcept;
  Receiver& operator=(Receiver&&) noexcept;
  ~Receiver();

  /// In place; the packet is all of `packet`.
  Outcome unprotect(std::span<uint8_t> packet);
  Outcome unprotect_rtcp(std::span<uint8_t> packet);
  const MasterKey& key() const;

 private:
  struct State;
  explicit Receiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nearend::srtp
