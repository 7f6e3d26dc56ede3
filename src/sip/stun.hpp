#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "io/net.hpp"

/// STUN's Binding (RFC 8489), as far as a port of SIP needs it (RFC 5626 5.4, 8): who asks is told where he is seen.
/// No credentials, nothing kept. Pure functions, any thread.
namespace nearend::sip::stun {

using TransactionId = std::array<uint8_t, 12>;

/// No SIP message begins with such a byte (RFC 7983 7).
inline bool may_be_stun(io::Bytes bytes) {
  return !bytes.empty() && bytes.front() < 4;
}

/// A message of ours: at most 2.2 times what was asked with (IPv6, without anything optional), 1.6 times over IPv4.
class Answer {
 public:
  static constexpr size_t size_most = 128;
  io::Bytes bytes() const { return io::Bytes(bytes_).first(size_); }
  bool is_success() const { return bytes_[0] == 0x01 && bytes_[1] == 0x01; }

  void put(std::initializer_list<uint8_t> bytes) {
    for (const uint8_t byte : bytes) bytes_[size_++] = byte;
  }
  void put(io::Bytes bytes) {
    for (const uint8_t byte : bytes) bytes_[size_++] = byte;
  }
  void put_word(uint16_t word) { put({static_cast<uint8_t>(word >> 8), static_cast<uint8_t>(word)}); }
  /// Writes the length of what follows the header.
  void close();
  void put_fingerprint();

 private:
  std::array<uint8_t, size_most> bytes_{};
  size_t size_ = 0;
};

/// What a Binding request is answered with: XOR-MAPPED-ADDRESS, FINGERPRINT where it has one, or 420 and the attributes
/// that must be understood and are not (6.3.1). Nothing for whatever is no well-formed Binding request.
std::optional<Answer> answer_to(io::Bytes message, const Endpoint& from);

/// A Binding request with FINGERPRINT.
Answer binding_request(const TransactionId& id);
/// Where the sender of that request was seen. Errors: malformed (no answer to it), refused (an error response).
Result<Endpoint> read_answer(io::Bytes message, const TransactionId& id);

}  // namespace nearend::sip::stun
