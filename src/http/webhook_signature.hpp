#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/http.hpp"

namespace nearend::http {

/// How a request proves to a customer's application that it comes from us. Pure functions.
inline constexpr std::string_view twilio_signature_header = "X-Twilio-Signature";
inline constexpr std::string_view nearend_signature_header = "X-Nearend-Signature";
/// Query parameter that stands for a body that is no form.
inline constexpr std::string_view body_hash_parameter = "bodySHA256";

/// The value of X-Twilio-Signature: Base64 of HMAC-SHA1 over the URL, as requested and without its fragment, and the
/// POST form: sorted by name in byte order, of each name the distinct values in order, each as name and value with
/// nothing between.
std::string twilio_signature(std::string_view auth_token, std::string_view url, const Form& form);

/// The value of X-Nearend-Signature: `t=<unix seconds>;h=<hex>`, HMAC-SHA256 over time, method, URL and body, one a
/// line, the body as sent. While a token is being replaced, a second `h` is made with the other one.
std::string nearend_signature(std::string_view auth_token, std::string_view other_token, std::string_view method,
                              std::string_view url, std::string_view body, int64_t unix_seconds);

}  // namespace nearend::http
