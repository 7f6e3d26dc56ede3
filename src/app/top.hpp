#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend::app {

struct TopSettings {
  std::string url = "http://127.0.0.1:5075";  ///< Of a gateway's http_listen; the default is where `nearend up` has it.
  size_t rows = 40;
  bool is_once = false;
};

/// `nearend top` and `nearend media top`: the legs of a gateway or of a media node apart, the worst first, once a second
/// until it is interrupted. Exit code 1 when it cannot be asked.
int run_top(const TopSettings& settings);

/// One page of it, from what `/v1/legs` answered. Errors: malformed, when that is something else.
Result<std::string> top_page(std::string_view legs_json, size_t rows);

}  // namespace nearend::app
