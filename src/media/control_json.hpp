#pragma once

#include "base/json.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// The media control API's JSON, both ways (docs/media-control.md, docs/openapi/media-control.yaml). Reading checks all
/// it is given: errors name the member and what would be right. Unknown members are ignored.
std::string id_text(uint64_t id);
Result<uint64_t> parse_id(std::string_view text);

json::value to_value(const AllocateRequest& request);
json::value to_value(const AnchorInfo& info);
json::value to_value(const Remote& remote);
json::value to_value(const Path& path);
json::value to_value(const Seat& seat);
json::value to_value(const PlayRequest& request);
json::value to_value(const RecordRequest& request);
json::value to_value(const ListenRequest& request);
Result<ListenRequest> read_listen(const json::value& value);
json::value to_value(const StreamRequest& request);
Result<StreamRequest> read_stream(const json::value& value);
json::value to_value(const JobChange& change);
Result<JobChange> read_change(const json::value& value);
json::value to_value(const CollectRequest& request);
json::value to_value(const TapRequest& request);
json::value to_value(const Event& event);
json::value to_value(const std::vector<StreamStats>& stats);
json::value to_value(const std::vector<LegSecond>& seconds);
json::value to_value(const NodeState& state);
json::value to_value(const Error& error);

Result<AllocateRequest> read_allocate(const json::value& value);
Result<AnchorInfo> read_anchor_info(const json::value& value);
Result<Remote> read_remote(const json::value& value);
Result<Path> read_path(const json::value& value);
Result<Seat> read_seat(const json::value& value);
Result<PlayRequest> read_play(const json::value& value);
Result<RecordRequest> read_record(const json::value& value);
Result<CollectRequest> read_collect(const json::value& value);
Result<TapRequest> read_tap(const json::value& value);
Result<Event> read_event(const json::value& value);
Result<std::vector<StreamStats>> read_stats(const json::value& value);
Result<std::vector<LegSecond>> read_seconds(const json::value& value);
Result<NodeState> read_state(const json::value& value);
Error read_error(const json::value& value);

std::string_view to_string(Side side);
Result<Side> parse_side(std::string_view text);

}  // namespace nearend::media
