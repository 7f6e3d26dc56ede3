#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sip/message.hpp"

namespace nearend::sip {

inline constexpr size_t body_parts_max = 16;

/// One part of a body (RFC 2046 5.1, RFC 5621). `content` points into the message.
struct BodyPart {
  std::string type;  ///< As Message::content_type(); "text/plain" where the part does not say.
  std::string_view content;
};

/// The parts of a multipart body in order, or the one body there is; none without a body or where the boundary is
/// missing. Multiparts inside of parts are not opened.
std::vector<BodyPart> body_parts(const Message& message);

/// The body of this type, also where it is a part: carriers put ISUP beside the session description. Empty when there
/// is none.
std::string_view find_body(const Message& message, std::string_view type);

}  // namespace nearend::sip
