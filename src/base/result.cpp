#include "base/result.hpp"

namespace nearend {

std::string_view to_string(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::malformed:
      return "malformed";
    case Error::Kind::invalid:
      return "invalid";
    case Error::Kind::not_found:
      return "not found";
    case Error::Kind::refused:
      return "refused";
    case Error::Kind::timeout:
      return "timeout";
    case Error::Kind::unavailable:
      return "unavailable";
    case Error::Kind::unsupported:
      return "unsupported";
    case Error::Kind::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace nearend
