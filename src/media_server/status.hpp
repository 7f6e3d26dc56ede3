#pragma once

#include "base/result.hpp"

namespace nearend::media_server {

/// The HTTP status that tells an error of this kind (docs/media-control.md).
inline int status_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::malformed:
    case Error::Kind::invalid:
      return 400;
    case Error::Kind::not_found:
      return 404;
    case Error::Kind::refused:
      return 403;
    case Error::Kind::timeout:
      return 504;
    case Error::Kind::unavailable:
      return 503;
    case Error::Kind::unsupported:
      return 501;
    case Error::Kind::internal:
      return 500;
  }
  return 500;
}

}  // namespace nearend::media_server
