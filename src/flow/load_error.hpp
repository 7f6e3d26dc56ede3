#pragma once

#include <cerrno>
#include <cstring>

#include "base/result.hpp"

namespace nearend::flow {

/// What a failed step of bringing a program into the kernel means and what to do about it.
inline std::unexpected<Error> explain(std::string_view step, int error, std::string_view needs) {
  if (error == EPERM || error == EACCES)
    return fail(Error::Kind::refused,
                "{}: not allowed; the process needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW (in a unit: "
                "AmbientCapabilities=, in a container: --cap-add)",
                step);
  if (error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == ENOENT)
    return fail(Error::Kind::unsupported, "{}: {}; the kernel needs {}", step, std::strerror(error), needs);
  return fail(Error::Kind::internal, "{}: {}", step, std::strerror(error));
}

}  // namespace nearend::flow
