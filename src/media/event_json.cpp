#include "media/control_json.hpp"

namespace nearend::media {
namespace {

std::string job_text(JobId job) {
  return id_text(static_cast<uint64_t>(job));
}
JobId job_of(const json::object& object) {
  return static_cast<JobId>(parse_id(json_string_or(object, "job", "0")).value_or(0));
}
milliseconds length_of(const json::object& object, std::string_view key) {
  return milliseconds(json_integer_or(object, key, 0));
}
std::string_view path_name(Path::Kind kind) {
  switch (kind) {
    case Path::Kind::idle:
      return "idle";
    case Path::Kind::inner:
      return "inner";
    case Path::Kind::bridge:
      return "bridge";
    case Path::Kind::room:
      return "room";
  }
  return "idle";
}

struct Writer {
  json::object operator()(const event::Digit& e) const {
    return {{"type", "digit"},
            {"digit", std::string(1, e.digit)},
            {"length_ms", e.length.count()},
            {"is_in_band", e.is_in_band}};
  }
  json::object operator()(const event::PlayEnded& e) const {
    json::object object{{"type", "play-ended"},
                        {"job", job_text(e.job)},
                        {"was_stopped", e.was_stopped},
                        {"played_ms", e.played.count()}};
    if (e.error) object["error"] = to_value(*e.error).get_object()["error"];
    return object;
  }
  json::object operator()(const event::RecordEnded& e) const {
    return {{"type", "record-ended"},     {"job", job_text(e.job)},        {"reason", e.reason},
            {"digits", e.digits},         {"length_ms", e.length.count()}, {"file", e.file},
            {"is_partial", e.is_partial}, {"channels", e.channels}};
  }
  json::object operator()(const event::CollectEnded& e) const {
    return {{"type", "collect-ended"},
            {"job", job_text(e.job)},
            {"digits", e.digits},
            {"finished_on", e.finished_on},
            {"is_timeout", e.is_timeout}};
  }
  json::object operator()(const event::Moved& e) const {
    return {{"type", "moved"},       {"path", path_name(e.kind)},   {"gap_ms", e.report.gap_ms},
            {"lost", e.report.lost}, {"doubled", e.report.doubled}, {"was_proven", e.report.was_proven}};
  }
  json::object operator()(const event::FirstPacket& e) const {
    return {{"type", "first-packet"}, {"side", to_string(e.side)}};
  }
  json::object operator()(const event::Silent& e) const { return {{"type", "silent"}, {"since_ms", e.since.count()}}; }
  json::object operator()(const event::Resumed&) const { return {{"type", "resumed"}}; }
  json::object operator()(const event::Speaker& e) const {
    return {{"type", "speaker"}, {"room", e.room}, {"is_speaking", e.is_speaking}};
  }
  json::object operator()(const event::Lost& e) const { return {{"type", "lost"}, {"reason", e.reason}}; }
};

event::PlayEnded read_play_ended(const json::object& object) {
  event::PlayEnded ended{.job = job_of(object),
                         .was_stopped = json_bool_or(object, "was_stopped", false),
                         .played = length_of(object, "played_ms")};
  if (object.contains("error")) ended.error = read_error(object);
  return ended;
}

event::Moved read_moved(const json::object& object) {
  event::Moved moved;
  const std::string path = json_string_or(object, "path", "idle");
  for (const auto kind : {Path::Kind::inner, Path::Kind::bridge, Path::Kind::room})
    if (path == path_name(kind)) moved.kind = kind;
  moved.report = {.gap_ms = json_number_or(object, "gap_ms", 0),
                  .lost = static_cast<uint32_t>(json_integer_or(object, "lost", 0)),
                  .doubled = static_cast<uint32_t>(json_integer_or(object, "doubled", 0)),
                  .was_proven = json_bool_or(object, "was_proven", false)};
  return moved;
}

event::RecordEnded read_record_ended(const json::object& object) {
  return {.job = job_of(object),
          .reason = json_string_or(object, "reason", "error"),
          .digits = json_string_or(object, "digits", ""),
          .length = length_of(object, "length_ms"),
          .file = json_string_or(object, "file", ""),
          .is_partial = json_bool_or(object, "is_partial", false),
          .channels = static_cast<uint8_t>(json_integer_or(object, "channels", 1))};
}

}  // namespace

json::value to_value(const Event& event) {
  return std::visit(Writer(), event);
}

Result<Event> read_event(const json::value& value) {
  if (!value.is_object()) return fail(Error::Kind::invalid, "an event must be an object");
  const json::object& object = value.get_object();
  const std::string type = json_string_or(object, "type", "");
  if (type == "digit") {
    const std::string digit = json_string_or(object, "digit", "");
    if (digit.size() != 1) return fail(Error::Kind::invalid, "'digit' must be one character");
    return event::Digit{digit[0], length_of(object, "length_ms"), json_bool_or(object, "is_in_band", false)};
  }
  if (type == "play-ended") return read_play_ended(object);
  if (type == "record-ended") return read_record_ended(object);
  if (type == "collect-ended")
    return event::CollectEnded{job_of(object), json_string_or(object, "digits", ""),
                               json_string_or(object, "finished_on", ""), json_bool_or(object, "is_timeout", false)};
  if (type == "moved") return read_moved(object);
  if (type == "first-packet")
    return event::FirstPacket{json_string_or(object, "side", "outer") == "inner" ? Side::inner : Side::outer};
  if (type == "silent") return event::Silent{length_of(object, "since_ms")};
  if (type == "resumed") return event::Resumed{};
  if (type == "speaker")
    return event::Speaker{json_string_or(object, "room", ""), json_bool_or(object, "is_speaking", false)};
  if (type == "lost") return event::Lost{json_string_or(object, "reason", "")};
  return fail(Error::Kind::unsupported, "event type \"{}\"", type);
}

}  // namespace nearend::media
