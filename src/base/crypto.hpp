#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nearend {

/// Hashes, message authentication codes and their spellings, over OpenSSL. Pure functions, any thread.
enum class HashKind { md5, sha1, sha256, sha512_256 };

std::string hash_bytes(HashKind kind, std::string_view data);
/// Lower-case hexadecimal of hash_bytes.
std::string hash_hex(HashKind kind, std::string_view data);
std::string hmac_bytes(HashKind kind, std::string_view key, std::string_view data);
std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
/// Nothing where `text` is no Base64 with its padding (RFC 4648 4).
std::optional<std::string> bytes_of_base64(std::string_view text);
/// True when both are equal; the time taken depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace nearend
