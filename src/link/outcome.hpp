#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "media/control.hpp"

namespace nearend::link {

/// The body of `done`: how a job that a gateway ran for the router came out (docs/sip-profile.md, "Outcomes of jobs").
/// Members that are empty or false are left out and read as such. Pure functions, any thread.
json::object to_json(const media::event::PlayEnded& outcome);
json::object to_json(const media::event::CollectEnded& outcome);
/// `url` is where the recording can be fetched, or empty.
json::object to_json(const media::event::RecordEnded& outcome, std::string_view url = {});

/// The job ids of the results are none: the profile numbers jobs by itself, in the Action header.
Result<media::event::PlayEnded> play_outcome_from_json(const json::value& value);
Result<media::event::CollectEnded> collect_outcome_from_json(const json::value& value);
Result<media::event::RecordEnded> record_outcome_from_json(const json::value& value);

}  // namespace nearend::link
