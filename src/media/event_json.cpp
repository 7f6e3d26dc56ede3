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
    json::object object{{"type", "play-ended"},          {"job", job_text(e.job)}, {"was_stopped", e.was_stopped},
                        {"played_ms", e.played.count()}, {"source", e.source},     {"position_ms", e.position.count()}};
    if (!e.pictures.empty()) object["pictures"] = e.pictures;
    if (e.error) object["error"] = to_value(*e.error).get_object()["error"];
    return object;
  }
  json::object operator()(const event::RecordEnded& e) const {
    return {{"type", "record-ended"},     {"job", job_text(e.job)},        {"reason", e.reason},
            {"digits", e.digits},         {"length_ms", e.length.count()}, {"file", e.file},
            {"is_partial", e.is_partial}, {"channels", e.channels}};
  }
  json::object operator()(const event::CollectEnded& e) const {
    return {{"type", "collect-ended"},      {"job", job_text(e.job)},     {"digits", e.digits},
            {"finished_on", e.finished_on}, {"is_timeout", e.is_timeout}, {"has_speech", e.has_speech}};
  }
  json::object operator()(const event::SpeechStarted& e) const {
    return {{"type", "speech-started"}, {"job", job_text(e.job)}, {"at_ms", e.at.count()}};
  }
  json::object operator()(const event::SpeechEnded& e) const {
    return {
        {"type", "speech-ended"}, {"job", job_text(e.job)}, {"at_ms", e.at.count()}, {"length_ms", e.length.count()}};
  }
  json::object operator()(const event::Beep& e) const {
    return {{"type", "beep"},
            {"job", job_text(e.job)},
            {"at_ms", e.at.count()},
            {"length_ms", e.length.count()},
            {"hz", e.hz}};
  }
  json::object operator()(const event::StreamEnded& e) const {
    return {{"type", "stream-ended"},
            {"job", job_text(e.job)},
            {"reason", e.reason},
            {"text", e.text},
            {"heard_ms", e.heard.count()},
            {"spoken_ms", e.spoken.count()},
            {"dropped_ms", e.dropped.count()}};
  }
  json::object operator()(const event::ListenEnded& e) const {
    return {{"type", "listen-ended"},
            {"job", job_text(e.job)},
            {"was_stopped", e.was_stopped},
            {"length_ms", e.length.count()},
            {"initial_silence_ms", e.initial_silence.count()},
            {"greeting_ms", e.greeting.count()},
            {"silence_after_ms", e.silence_after.count()},
            {"stretches", e.stretches},
            {"beeps", e.beeps},
            {"answered_by", e.answered_by}};
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
  json::object operator()(const event::RecordingRecovered& e) const {
    return {{"type", "recording-recovered"}, {"name", e.name}, {"file", e.file}, {"length_ms", e.length.count()}};
  }
};

event::PlayEnded read_play_ended(const json::object& object) {
  event::PlayEnded ended{.job = job_of(object),
                         .was_stopped = json_bool_or(object, "was_stopped", false),
                         .played = length_of(object, "played_ms"),
                         .source = static_cast<uint32_t>(json_integer_or(object, "source", 0)),
                         .position = length_of(object, "position_ms"),
                         .pictures = json_string_or(object, "pictures", "")};
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

event::ListenEnded read_listen_ended(const json::object& object) {
  return {.job = job_of(object),
          .was_stopped = json_bool_or(object, "was_stopped", false),
          .length = length_of(object, "length_ms"),
          .initial_silence = length_of(object, "initial_silence_ms"),
          .greeting = length_of(object, "greeting_ms"),
          .silence_after = length_of(object, "silence_after_ms"),
          .stretches = static_cast<uint32_t>(json_integer_or(object, "stretches", 0)),
          .beeps = static_cast<uint32_t>(json_integer_or(object, "beeps", 0)),
          .answered_by = json_string_or(object, "answered_by", "")};
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
                               json_string_or(object, "finished_on", ""), json_bool_or(object, "is_timeout", false),
                               json_bool_or(object, "has_speech", false)};
  if (type == "moved") return read_moved(object);
  if (type == "first-packet")
    return event::FirstPacket{json_string_or(object, "side", "outer") == "inner" ? Side::inner : Side::outer};
  if (type == "silent") return event::Silent{length_of(object, "since_ms")};
  if (type == "resumed") return event::Resumed{};
  if (type == "speaker")
    return event::Speaker{json_string_or(object, "room", ""), json_bool_or(object, "is_speaking", false)};
  if (type == "speech-started") return event::SpeechStarted{job_of(object), length_of(object, "at_ms")};
  if (type == "speech-ended")
    return event::SpeechEnded{job_of(object), length_of(object, "at_ms"), length_of(object, "length_ms")};
  if (type == "beep")
    return event::Beep{job_of(object), length_of(object, "at_ms"), length_of(object, "length_ms"),
                       static_cast<uint32_t>(json_integer_or(object, "hz", 0))};
  if (type == "stream-ended")
    return event::StreamEnded{job_of(object),
                              json_string_or(object, "reason", "lost"),
                              json_string_or(object, "text", ""),
                              length_of(object, "heard_ms"),
                              length_of(object, "spoken_ms"),
                              length_of(object, "dropped_ms")};
  if (type == "listen-ended") return read_listen_ended(object);
  if (type == "recording-recovered")
    return event::RecordingRecovered{json_string_or(object, "name", ""), json_string_or(object, "file", ""),
                                     length_of(object, "length_ms")};
  if (type == "lost") return event::Lost{json_string_or(object, "reason", "")};
  return fail(Error::Kind::unsupported, "event type \"{}\"", type);
}

}  // namespace nearend::media
