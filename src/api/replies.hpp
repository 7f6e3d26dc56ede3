#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "http/http.hpp"
#include "store/store.hpp"

namespace nearend::api {

http::Response reply(int status, std::string type, std::string body);
http::Response json_reply(int status, const json::value& body);
/// `{code, message, more_info, status}`, as the REST API says what is wrong.
http::Response error_reply(int status, int code, std::string_view message);

/// A call as the REST API shows it: every property of the resource, null where there is nothing to say.
json::object call_resource(const store::Call& call);
json::object event_resource(const store::CallEvent& event);
json::object recording_resource(const store::Recording& recording);

}  // namespace nearend::api
