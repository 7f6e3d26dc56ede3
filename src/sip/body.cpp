#include "sip/body.hpp"

#include "sip/multipart.hpp"

namespace nearend::sip {

Body body_of(const Message& message) {
  if (message.body().empty()) return {};
  if (const auto sdp = find_body(message, "application/sdp"); !sdp.empty())
    return {"application/sdp", std::string(sdp)};
  return {message.content_type(), std::string(message.body())};
}

}  // namespace nearend::sip
