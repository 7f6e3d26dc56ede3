#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <utility>

namespace nearend {

/// What went wrong: a kind the program can act on and words that name the field and what would be right.
struct Error {
  enum class Kind {
    malformed,    ///< The input breaks its grammar.
    invalid,      ///< Well formed, but not a value we accept.
    not_found,    ///< The thing named does not exist.
    refused,      ///< The peer or a rule said no.
    timeout,      ///< No answer in time.
    unavailable,  ///< The peer or the resource cannot be reached or is full.
    unsupported,  ///< Understood, but not something we do.
    internal,     ///< A system call or a library failed.
  };
  Kind kind = Kind::internal;
  std::string text;
};

std::string_view to_string(Error::Kind kind);

/// A value, or an Error that says what would have been right.
template <class T>
using Result = std::expected<T, Error>;

/// Makes the error side of a Result: `return fail(Error::Kind::malformed, "port {} is above 65535", port);`
template <class... Args>
std::unexpected<Error> fail(Error::Kind kind, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{kind, fmt::format(format, std::forward<Args>(args)...)});
}

/// Passes the error of one Result on as another's.
template <class T>
std::unexpected<Error> pass(Result<T>& failed) {
  return std::unexpected(std::move(failed.error()));
}

}  // namespace nearend
