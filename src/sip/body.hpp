#pragma once

#include "sip/stack.hpp"

namespace nearend::sip {

/// A message's body as the listener gets it: the session description where there is one, also out of a multipart body
/// (RFC 5621), otherwise what there is.
Body body_of(const Message& message);

}  // namespace nearend::sip
