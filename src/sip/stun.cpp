#include "sip/stun.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <vector>

namespace nearend::sip::stun {
namespace {

constexpr size_t header_size = 20, attribute_head = 4, fingerprint_size = 8;
/// A request has no reason to be longer than a datagram that passes everywhere.
constexpr size_t request_most = 1280;
constexpr std::array<uint8_t, 4> cookie{0x21, 0x12, 0xa4, 0x42};
constexpr uint16_t binding_request_type = 0x0001, binding_success = 0x0101, binding_error = 0x0111;
constexpr uint16_t optional_from = 0x8000;  // attributes that may be passed over
/// As many as fit twice into the request that has them.
constexpr size_t unknown_most = 32;

namespace attribute {
constexpr uint16_t mapped_address = 0x0001, username = 0x0006, message_integrity = 0x0008, error_code = 0x0009,
                   unknown_attributes = 0x000a, realm = 0x0014, nonce = 0x0015, message_integrity_sha256 = 0x001c,
                   password_algorithm = 0x001d, userhash = 0x001e, xor_mapped_address = 0x0020, fingerprint = 0x8028;
}  // namespace attribute

/// What RFC 8489 itself defines; a server without credentials passes over those of authentication.
constexpr std::array known{attribute::mapped_address,
                           attribute::username,
                           attribute::message_integrity,
                           attribute::error_code,
                           attribute::unknown_attributes,
                           attribute::realm,
                           attribute::nonce,
                           attribute::message_integrity_sha256,
                           attribute::password_algorithm,
                           attribute::userhash,
                           attribute::xor_mapped_address};

uint16_t word_at(io::Bytes bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

uint32_t fingerprint_of(io::Bytes before) {
  boost::crc_32_type crc;
  crc.process_bytes(before.data(), before.size());
  return crc.checksum() ^ 0x5354554e;
}

struct Attribute {
  uint16_t type = 0;
  io::Bytes value;
};

struct Read {
  uint16_t type = 0;
  std::vector<Attribute> attributes;  // without FINGERPRINT, and what follows an integrity (14.5) left out
  bool has_fingerprint = false;
};

/// Nothing where the form is not right, a wrong FINGERPRINT included (6.3).
std::optional<Read> read(io::Bytes message) {
  if (message.size() < header_size || message.size() > request_most || !may_be_stun(message)) return std::nullopt;
  if (word_at(message, 2) != message.size() - header_size || message.size() % 4 != 0) return std::nullopt;
  if (!std::ranges::equal(message.subspan(4, cookie.size()), cookie)) return std::nullopt;
  Read found;
  found.type = word_at(message, 0);
  bool is_past_integrity = false;
  for (size_t at = header_size; at < message.size();) {
    if (found.has_fingerprint || message.size() - at < attribute_head) return std::nullopt;
    const uint16_t type = word_at(message, at), length = word_at(message, at + 2);
    const size_t padded = (length + size_t{3}) & ~size_t{3};
    if (padded > message.size() - at - attribute_head) return std::nullopt;
    const io::Bytes value = message.subspan(at + attribute_head, length);
    if (type == attribute::fingerprint) {
      const uint32_t right = fingerprint_of(message.first(at));
      if (length != 4 || (static_cast<uint32_t>(word_at(value, 0)) << 16 | word_at(value, 2)) != right)
        return std::nullopt;
      found.has_fingerprint = true;
    } else if (!is_past_integrity) {
      found.attributes.push_back({type, value});
    }
    is_past_integrity |= type == attribute::message_integrity || type == attribute::message_integrity_sha256;
    at += attribute_head + padded;
  }
  return found;
}

Answer begin(uint16_t type, io::Bytes id) {
  Answer answer;
  answer.put_word(type);
  answer.put_word(0);
  answer.put(cookie);
  answer.put(id);
  return answer;
}

/// The address under the cookie and the transaction's id (14.2), so that no translator on the way rewrites it.
void put_address(Answer& answer, const Endpoint& from, io::Bytes id) {
  const bool is_v6 = from.address.is_v6();
  const size_t size = is_v6 ? 16 : 4;
  answer.put_word(attribute::xor_mapped_address);
  answer.put_word(static_cast<uint16_t>(4 + size));
  answer.put({0, static_cast<uint8_t>(is_v6 ? 2 : 1)});
  answer.put_word(static_cast<uint16_t>(from.port ^ word_at(cookie, 0)));
  for (size_t i = 0; i < size; ++i) {
    const uint8_t mask = i < cookie.size() ? cookie[i] : id[i - cookie.size()];
    answer.put({static_cast<uint8_t>(from.address.bytes()[i] ^ mask)});
  }
}

std::optional<Endpoint> read_address(io::Bytes value, io::Bytes id) {
  if (value.size() < 8) return std::nullopt;
  const size_t size = value[1] == 2 ? 16 : 4;
  if ((value[1] != 1 && value[1] != 2) || value.size() != 4 + size) return std::nullopt;
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < size; ++i) bytes[i] = value[4 + i] ^ (i < cookie.size() ? cookie[i] : id[i - cookie.size()]);
  const auto family = size == 16 ? IpAddress::Family::v6 : IpAddress::Family::v4;
  return Endpoint{IpAddress::from_bytes(family, bytes.data()),
                  static_cast<uint16_t>(word_at(value, 2) ^ word_at(cookie, 0))};
}

void put_unknown(Answer& answer, const std::vector<uint16_t>& types) {
  answer.put_word(attribute::error_code);
  answer.put_word(4);
  answer.put({0, 0, 4, 20});
  answer.put_word(attribute::unknown_attributes);
  answer.put_word(static_cast<uint16_t>(2 * types.size()));
  for (const uint16_t type : types) answer.put_word(type);
  if (types.size() % 2 == 1) answer.put_word(0);
}

}  // namespace

void Answer::close() {
  const size_t length = size_ - header_size;
  bytes_[2] = static_cast<uint8_t>(length >> 8);
  bytes_[3] = static_cast<uint8_t>(length);
}

void Answer::put_fingerprint() {
  size_ += fingerprint_size;
  close();  // the length counts the attribute itself (14.7)
  size_ -= fingerprint_size;
  const uint32_t value = fingerprint_of(bytes());
  put_word(attribute::fingerprint);
  put_word(4);
  put_word(static_cast<uint16_t>(value >> 16));
  put_word(static_cast<uint16_t>(value));
}

std::optional<Answer> answer_to(io::Bytes message, const Endpoint& from) {
  const auto request = read(message);
  if (!request || request->type != binding_request_type) return std::nullopt;
  std::vector<uint16_t> unknown;
  for (const Attribute& each : request->attributes)
    if (each.type < optional_from && std::ranges::find(known, each.type) == known.end() &&
        unknown.size() < unknown_most)
      unknown.push_back(each.type);
  const io::Bytes id = message.subspan(8, TransactionId().size());
  Answer answer = begin(unknown.empty() ? binding_success : binding_error, id);
  if (unknown.empty())
    put_address(answer, from, id);
  else
    put_unknown(answer, unknown);
  answer.close();
  if (request->has_fingerprint) answer.put_fingerprint();
  return answer;
}

Answer binding_request(const TransactionId& id) {
  Answer request = begin(binding_request_type, id);
  request.put_fingerprint();
  return request;
}

Result<Endpoint> read_answer(io::Bytes message, const TransactionId& id) {
  const auto answer = read(message);
  if (!answer || !std::ranges::equal(message.subspan(8, id.size()), id))
    return fail(Error::Kind::malformed, "no answer to this Binding request");
  if (answer->type == binding_error) return fail(Error::Kind::refused, "the Binding request was refused");
  for (const Attribute& each : answer->attributes)
    if (answer->type == binding_success && each.type == attribute::xor_mapped_address)
      if (const auto seen = read_address(each.value, id)) return *seen;
  return fail(Error::Kind::malformed, "no XOR-MAPPED-ADDRESS in the answer");
}

}  // namespace nearend::sip::stun
