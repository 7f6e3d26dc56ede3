#pragma once

#include <string>

#include "call/hooks.hpp"
#include "script/callbacks.hpp"
#include "script/script.hpp"

namespace nearend::script {

/// What a Dial needs of the interpreter: the status callbacks of each leg, and the documents that are run on a callee
/// before it is connected (a noun's url). A callee that such a document hangs up on, or whose document cannot be had,
/// is not connected. The references must outlive the hooks.
call::DialHooks make_dial_hooks(io::Loop& loop, http::Client& client, Callbacks& callbacks, Settings settings,
                                std::string auth_token);

}  // namespace nearend::script
