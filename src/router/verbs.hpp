#pragma once

#include "call/control.hpp"
#include "router/party.hpp"

namespace nearend::router {

/// The verbs that need one party only, in the words of call::Control. `party` outlives the task.
Task<call::PlayResult> play_to(Party& party, media::PlayRequest request);
Task<call::PlayResult> pause_for(Party& party, io::Loop& loop, call::milliseconds length);
Task<call::GatherResult> gather_from(Party& party, media::CollectRequest request);
Task<call::RecordResult> record_from(Party& party, media::RecordRequest request);

}  // namespace nearend::router
