#include "sdp/crypto.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace nearend::sdp {
namespace {

constexpr size_t npos = std::string_view::npos;
constexpr size_t tag_digits_max = 9;
constexpr uint64_t lifetime_max = uint64_t{1} << 48;
constexpr std::string_view inline_method = "inline:";
constexpr auto key_sizes = std::to_array<std::pair<std::string_view, size_t>>({{"AEAD_AES_128_GCM", 28},
                                                                               {"AEAD_AES_256_GCM", 44},
                                                                               {"AES_CM_128_HMAC_SHA1_80", 30},
                                                                               {"AES_CM_128_HMAC_SHA1_32", 30}});

/// The next word; blanks before it are skipped.
std::string_view take_word(std::string_view& rest) {
  rest = trim(rest);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

/// What may be a name of the registry, for messages: a key in a wrong place is not quoted.
std::string_view quotable(std::string_view word) {
  constexpr size_t longest = 40;
  constexpr std::string_view usual = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return word.size() <= longest && word.find_first_not_of(usual) == npos ? word : "?";
}

bool is_lifetime(std::string_view text) {
  const bool is_power = text.starts_with("2^");
  const auto number = parse_unsigned(is_power ? text.substr(2) : text);
  return number && (is_power ? *number <= 48 : *number > 0 && *number <= lifetime_max);
}

/// key||salt ["|" lifetime] ["|" MKI ":" length]
Result<std::string> read_key(std::string_view params, size_t size) {
  if (!params.starts_with(inline_method)) return fail(Error::Kind::unsupported, "crypto: only 'inline:' keys");
  params.remove_prefix(inline_method.size());
  // The words never quote the key.
  if (params.find(';') != npos) return fail(Error::Kind::unsupported, "crypto: several keys");
  std::string text(params.substr(0, params.find('|')));
  for (std::string_view rest = params.substr(std::min(params.size(), text.size())); !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('|'));
    rest.remove_prefix(part.size());
    if (part.find(':') != npos) return fail(Error::Kind::unsupported, "crypto: master key identifiers");
    if (!is_lifetime(part)) return fail(Error::Kind::malformed, "crypto: the lifetime must be 1 to 2^48");
  }
  while (text.size() % 4 != 0 && text.size() < 128) text += '=';  // some leave the padding out
  auto key = bytes_of_base64(text);
  if (!key || key->size() != size)
    return fail(Error::Kind::malformed, "crypto: key and salt must be {} bytes of Base64", size);
  return std::move(*key);
}

}  // namespace

size_t crypto_key_size(std::string_view suite) {
  for (const auto& [name, size] : key_sizes)
    if (name == suite) return size;
  return 0;
}

Result<Crypto> parse_crypto(std::string_view value) {
  Crypto crypto;
  const std::string_view tag = take_word(value);
  const auto number = tag.size() <= tag_digits_max ? parse_unsigned(tag) : std::nullopt;
  if (!number) return fail(Error::Kind::malformed, "crypto: the tag must be a number of at most 9 digits");
  crypto.tag = static_cast<uint32_t>(*number);
  crypto.suite = take_word(value);
  const size_t size = crypto_key_size(crypto.suite);
  if (size == 0) return fail(Error::Kind::unsupported, "crypto: suite '{}'", quotable(crypto.suite));
  auto key = read_key(take_word(value), size);
  if (!key) return pass(key);
  crypto.key = std::move(*key);
  for (auto word = take_word(value); !word.empty(); word = take_word(value)) {
    // RFC 4568 6.3.7 and 6.3.8: what begins with '-' may be passed over.
    if (!word.starts_with("WSH=") && !word.starts_with('-'))
      return fail(Error::Kind::unsupported, "crypto: parameter '{}'", quotable(word.substr(0, word.find('='))));
  }
  return crypto;
}

std::string to_string(const Crypto& crypto) {
  return fmt::format("{} {} {}{}", crypto.tag, crypto.suite, inline_method, base64(crypto.key));
}

}  // namespace nearend::sdp
