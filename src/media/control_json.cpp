#include "media/control_json.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/crypto.hpp"

namespace nearend::media {
namespace {

/// Names of an enumeration, in its order.
template <class E, size_t n>
struct Names {
  std::string_view member;
  std::array<std::string_view, n> names;
  std::string_view of(E value) const { return names[static_cast<size_t>(value)]; }
  Result<E> parse(std::string_view text) const {
    for (size_t i = 0; i < n; ++i)
      if (names[i] == text) return static_cast<E>(i);
    return fail(Error::Kind::invalid, "'{}' cannot be \"{}\"; {} would be right", member, text, fmt::join(names, ", "));
  }
};
constexpr Names<StreamKind, 4> kinds{"kind", {"audio", "video", "screen", "text"}};
constexpr Names<Side, 2> sides{"side", {"outer", "inner"}};
constexpr Names<Path::Kind, 4> paths{"kind", {"idle", "inner", "bridge", "room"}};
constexpr Names<SourceRule::Mode, 2> modes{"mode", {"strict", "learn"}};
constexpr Names<Source::Kind, 6> sources{"kind", {"url", "file", "speech", "tone", "silence", "digits"}};
constexpr Names<StreamRequest::Direction, 3> directions{"direction", {"from-leg", "to-leg", "both"}};
constexpr Names<FileFormat, 4> file_formats{"format", {"wav", "mp3", "ogg-opus", "matroska"}};
constexpr Names<Error::Kind, 8> errors{
    "kind", {"malformed", "invalid", "not_found", "refused", "timeout", "unavailable", "unsupported", "internal"}};

constexpr size_t list_max = 64;

Result<const json::object*> as_object(const json::value& value, std::string_view what) {
  if (!value.is_object()) return fail(Error::Kind::invalid, "{} must be an object", what);
  return &value.get_object();
}

/// The array of that name, empty when there is none.
Result<const json::array*> list_of(const json::object& object, std::string_view key) {
  static const json::array none;
  const json::value* member = object.if_contains(key);
  if (!member || member->is_null()) return &none;
  if (!member->is_array() || member->get_array().size() > list_max)
    return fail(Error::Kind::invalid, "'{}' must be a list of at most {}", key, list_max);
  return &member->get_array();
}

Result<std::vector<std::string>> strings_of(const json::object& object, std::string_view key) {
  auto list = list_of(object, key);
  if (!list) return pass(list);
  std::vector<std::string> out;
  for (const json::value& one : **list) {
    if (!one.is_string()) return fail(Error::Kind::invalid, "'{}' must hold strings", key);
    out.emplace_back(one.get_string());
  }
  return out;
}

json::array to_list(const std::vector<std::string>& strings) {
  json::array list;
  for (const std::string& one : strings) list.emplace_back(one);
  return list;
}

template <class Names_, class E>
Result<E> name_or(const json::object& object, std::string_view key, const Names_& names, E fallback) {
  if (!object.if_contains(key)) return fallback;
  auto text = json_string(object, key);
  if (!text) return pass(text);
  return names.parse(*text);
}

/// A whole number between the bounds; the fallback when it is absent.
Result<int64_t> number_or(const json::object& object, std::string_view key, int64_t fallback, int64_t least,
                          int64_t most) {
  if (!object.if_contains(key)) return fallback;
  auto value = json_integer(object, key);
  if (!value) return value;
  if (*value < least || *value > most)
    return fail(Error::Kind::invalid, "'{}' is {}; {} to {} would be right", key, *value, least, most);
  return value;
}

Result<Endpoint> endpoint_of(const json::object& object, std::string_view key) {
  auto text = json_string(object, key);
  if (!text) return pass(text);
  auto endpoint = parse_endpoint(*text);
  if (!endpoint) return fail(Error::Kind::invalid, "'{}': {}", key, endpoint.error().text);
  return endpoint;
}

Result<uint64_t> id_of(const json::object& object, std::string_view key) {
  auto text = json_string(object, key);
  if (!text) return pass(text);
  return parse_id(*text);
}

constexpr int64_t day_ms = 86'400'000;

}  // namespace

std::string id_text(uint64_t id) {
  return fmt::format("{:x}", id);
}

Result<uint64_t> parse_id(std::string_view text) {
  uint64_t id = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (code != std::errc() || end != text.data() + text.size())
    return fail(Error::Kind::invalid, "id \"{}\" is no hexadecimal number", text);
  return id;
}

std::string_view to_string(Side side) {
  return sides.of(side);
}
Result<Side> parse_side(std::string_view text) {
  return sides.parse(text);
}

json::value to_value(const AnchorInfo& info) {
  json::array streams;
  for (const auto& ports : info.streams)
    streams.push_back(json::object{
        {"kind", kinds.of(ports.kind)}, {"outer", ports.outer.to_string()}, {"inner", ports.inner.to_string()}});
  return json::object{{"id", id_text(static_cast<uint64_t>(info.id))},
                      {"streams", std::move(streams)},
                      {"fingerprint", info.fingerprint}};
}

Result<AnchorInfo> read_anchor_info(const json::value& value) {
  auto object = as_object(value, "the anchor");
  if (!object) return pass(object);
  auto id = id_of(**object, "id");
  if (!id) return pass(id);
  AnchorInfo info{.id = static_cast<AnchorId>(*id)};
  info.fingerprint = json_string_or(**object, "fingerprint", "");
  auto streams = list_of(**object, "streams");
  if (!streams) return pass(streams);
  for (const json::value& one : **streams) {
    auto stream = as_object(one, "a stream");
    if (!stream) return pass(stream);
    auto kind = name_or(**stream, "kind", kinds, StreamKind::audio);
    auto outer = endpoint_of(**stream, "outer");
    auto inner = endpoint_of(**stream, "inner");
    if (!kind) return pass(kind);
    if (!outer) return pass(outer);
    if (!inner) return pass(inner);
    info.streams.push_back({*kind, *outer, *inner});
  }
  return info;
}

namespace {
/// As behind "inline:" in a description.
std::string key_text(const srtp::MasterKey& key) {
  return base64({reinterpret_cast<const char*>(key.bytes().data()), key.bytes().size()});
}
}  // namespace

json::value to_value(const Remote& remote) {
  json::array formats, also;
  for (const Format& format : remote.formats)
    formats.push_back(json::object{{"payload_type", format.payload_type},
                                   {"name", format.name},
                                   {"clock_rate", format.clock_rate},
                                   {"channels", format.channels},
                                   {"fmtp", format.fmtp}});
  for (const Cidr& block : remote.source.also) also.emplace_back(block.to_string());
  json::object object{{"stream", remote.stream},
                      {"rtp", remote.rtp.to_string()},
                      {"is_rtcp_mux", remote.is_rtcp_mux},
                      {"formats", std::move(formats)},
                      {"may_send", remote.may_send},
                      {"may_receive", remote.may_receive},
                      {"ptime_ms", remote.ptime.count()},
                      {"source", json::object{{"mode", modes.of(remote.source.mode)}, {"also", std::move(also)}}}};
  if (remote.rtcp) object["rtcp"] = remote.rtcp->to_string();
  if (remote.srtp)
    object["srtp"] = json::object{{"suite", srtp::shape_of(remote.srtp->send.suite()).name},
                                  {"send", key_text(remote.srtp->send)},
                                  {"receive", key_text(remote.srtp->receive)}};
  if (remote.wants_voip_metrics) object["wants_voip_metrics"] = true;
  if (remote.wants_reference_time) object["wants_reference_time"] = true;
  if (remote.dtls)
    object["dtls"] = json::object{{"fingerprint", remote.dtls->fingerprint}, {"is_client", remote.dtls->is_client}};
  return object;
}

namespace {

Result<Format> read_format(const json::value& value) {
  auto object = as_object(value, "a format");
  if (!object) return pass(object);
  auto type = number_or(**object, "payload_type", 0, 0, 127);
  if (!type) return pass(type);
  auto rate = number_or(**object, "clock_rate", 8000, 1000, 192'000);
  if (!rate) return pass(rate);
  auto channels = number_or(**object, "channels", 1, 1, 8);
  if (!channels) return pass(channels);
  return Format{static_cast<uint8_t>(*type), json_string_or(**object, "name", "PCMU"), static_cast<uint32_t>(*rate),
                static_cast<uint8_t>(*channels), json_string_or(**object, "fmtp", "")};
}

Result<SourceRule> read_rule(const json::object& object) {
  SourceRule rule;
  auto mode = name_or(object, "mode", modes, SourceRule::Mode::strict);
  if (!mode) return pass(mode);
  rule.mode = *mode;
  auto also = strings_of(object, "also");
  if (!also) return pass(also);
  for (const std::string& text : *also) {
    auto block = parse_cidr(text);
    if (!block) return fail(Error::Kind::invalid, "'also': {}", block.error().text);
    rule.also.push_back(*block);
  }
  return rule;
}

Result<srtp::MasterKey> read_key(const json::object& object, std::string_view key, srtp::Suite suite) {
  auto text = json_string(object, key);
  if (!text) return pass(text);
  const auto bytes = bytes_of_base64(*text);
  // What is wrong with it is told without the key.
  if (!bytes) return fail(Error::Kind::invalid, "srtp: '{}' is no Base64", key);
  auto made = srtp::MasterKey::of(suite, {reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()});
  if (!made) return fail(Error::Kind::invalid, "srtp: '{}': {}", key, made.error().text);
  return made;
}

Result<SrtpKeys> read_srtp(const json::value& value) {
  auto object = as_object(value, "'srtp'");
  if (!object) return pass(object);
  auto name = json_string(**object, "suite");
  if (!name) return pass(name);
  const auto suite = srtp::parse_suite(*name);
  if (!suite) return fail(Error::Kind::unsupported, "srtp: no suite \"{}\" here", *name);
  auto send = read_key(**object, "send", *suite);
  if (!send) return pass(send);
  auto receive = read_key(**object, "receive", *suite);
  if (!receive) return pass(receive);
  return SrtpKeys{*send, *receive};
}

}  // namespace

Result<Remote> read_remote(const json::value& value) {
  auto object = as_object(value, "the remote");
  if (!object) return pass(object);
  Remote remote;
  auto stream = number_or(**object, "stream", 0, 0, 15);
  if (!stream) return pass(stream);
  remote.stream = static_cast<size_t>(*stream);
  auto rtp = endpoint_of(**object, "rtp");
  if (!rtp) return pass(rtp);
  remote.rtp = *rtp;
  if ((*object)->if_contains("rtcp")) {
    auto rtcp = endpoint_of(**object, "rtcp");
    if (!rtcp) return pass(rtcp);
    remote.rtcp = *rtcp;
  }
  remote.is_rtcp_mux = json_bool_or(**object, "is_rtcp_mux", false);
  remote.may_send = json_bool_or(**object, "may_send", true);
  remote.may_receive = json_bool_or(**object, "may_receive", true);
  auto ptime = number_or(**object, "ptime_ms", 20, 1, 200);
  if (!ptime) return pass(ptime);
  remote.ptime = milliseconds(*ptime);
  auto formats = list_of(**object, "formats");
  if (!formats) return pass(formats);
  for (const json::value& one : **formats) {
    auto format = read_format(one);
    if (!format) return pass(format);
    remote.formats.push_back(std::move(*format));
  }
  if (const json::value* source = (*object)->if_contains("source"); source && source->is_object()) {
    auto rule = read_rule(source->get_object());
    if (!rule) return pass(rule);
    remote.source = std::move(*rule);
  }
  // One that cannot be read must not become plain RTP.
  if (const json::value* member = (*object)->if_contains("srtp"); member && !member->is_null()) {
    auto keys = read_srtp(*member);
    if (!keys) return pass(keys);
    remote.srtp = std::move(*keys);
  }
  remote.wants_voip_metrics = json_bool_or(**object, "wants_voip_metrics", false);
  remote.wants_reference_time = json_bool_or(**object, "wants_reference_time", false);
  if (const json::value* member = (*object)->if_contains("dtls"); member && !member->is_null()) {
    auto dtls = as_object(*member, "'dtls'");
    if (!dtls) return pass(dtls);
    auto fingerprint = json_string(**dtls, "fingerprint");
    if (!fingerprint) return pass(fingerprint);
    remote.dtls = DtlsPeer{std::move(*fingerprint), json_bool_or(**dtls, "is_client", false)};
  }
  return remote;
}

json::value to_value(const Path& path) {
  return json::object{{"kind", paths.of(path.kind)},
                      {"peer", id_text(static_cast<uint64_t>(path.peer))},
                      {"has_comfort_noise", path.has_comfort_noise},
                      {"prove_within_ms", path.prove_within.count()},
                      {"overlap_ms", path.overlap.count()}};
}

Result<Path> read_path(const json::value& value) {
  auto object = as_object(value, "the path");
  if (!object) return pass(object);
  Path path;
  auto kind = name_or(**object, "kind", paths, Path::Kind::idle);
  if (!kind) return pass(kind);
  path.kind = *kind;
  if ((*object)->if_contains("peer")) {
    auto peer = id_of(**object, "peer");
    if (!peer) return pass(peer);
    path.peer = static_cast<AnchorId>(*peer);
  }
  path.has_comfort_noise = json_bool_or(**object, "has_comfort_noise", true);
  auto prove = number_or(**object, "prove_within_ms", path.prove_within.count(), 0, 10'000);
  if (!prove) return pass(prove);
  auto overlap = number_or(**object, "overlap_ms", path.overlap.count(), 0, 10'000);
  if (!overlap) return pass(overlap);
  path.prove_within = milliseconds(*prove);
  path.overlap = milliseconds(*overlap);
  return path;
}

json::value to_value(const Seat& seat) {
  return json::object{{"room", seat.room},
                      {"is_muted", seat.is_muted},
                      {"is_held", seat.is_held},
                      {"coached", id_text(static_cast<uint64_t>(seat.coached))},
                      {"has_beep_in", seat.has_beep_in},
                      {"has_beep_out", seat.has_beep_out}};
}

Result<Seat> read_seat(const json::value& value) {
  auto object = as_object(value, "the seat");
  if (!object) return pass(object);
  Seat seat;
  auto room = json_string(**object, "room");
  if (!room) return pass(room);
  seat.room = std::move(*room);
  seat.is_muted = json_bool_or(**object, "is_muted", false);
  seat.is_held = json_bool_or(**object, "is_held", false);
  seat.has_beep_in = json_bool_or(**object, "has_beep_in", false);
  seat.has_beep_out = json_bool_or(**object, "has_beep_out", false);
  if ((*object)->if_contains("coached")) {
    auto coached = id_of(**object, "coached");
    if (!coached) return pass(coached);
    seat.coached = static_cast<AnchorId>(*coached);
  }
  return seat;
}

json::value to_value(const AllocateRequest& request) {
  json::array streams;
  for (StreamKind kind : request.streams) streams.emplace_back(kinds.of(kind));
  json::object object{{"call", request.call},
                      {"leg", request.leg},
                      {"streams", std::move(streams)},
                      {"needs", to_list(request.needs)},
                      {"outer_family", request.outer_family == IpAddress::Family::v6 ? "ipv6" : "ipv4"},
                      {"has_inner", request.has_inner},
                      {"lease_s", request.lease.count()}};
  if (!request.outer_remotes.empty()) {
    json::array remotes;
    for (const Remote& remote : request.outer_remotes) remotes.push_back(to_value(remote));
    object["outer_remotes"] = std::move(remotes);
  }
  if (request.path) object["path"] = to_value(*request.path);
  return object;
}

Result<AllocateRequest> read_allocate(const json::value& value) {
  auto object = as_object(value, "the request");
  if (!object) return pass(object);
  AllocateRequest request;
  request.call = json_string_or(**object, "call", "");
  auto leg = json_string(**object, "leg");
  if (!leg) return pass(leg);
  request.leg = std::move(*leg);
  auto streams = strings_of(**object, "streams");
  if (!streams) return pass(streams);
  if (!streams->empty()) request.streams.clear();
  for (const std::string& name : *streams) {
    auto kind = kinds.parse(name);
    if (!kind) return pass(kind);
    request.streams.push_back(*kind);
  }
  auto needs = strings_of(**object, "needs");
  if (!needs) return pass(needs);
  request.needs = std::move(*needs);
  const std::string family = json_string_or(**object, "outer_family", "ipv4");
  if (family != "ipv4" && family != "ipv6")
    return fail(Error::Kind::invalid, "'outer_family' is \"{}\"; ipv4 or ipv6 would be right", family);
  if (family == "ipv6") request.outer_family = IpAddress::Family::v6;
  request.has_inner = json_bool_or(**object, "has_inner", true);
  // Over the network there is always a lease: nobody else would free what a dead client held.
  auto lease = number_or(**object, "lease_s", 120, 1, 86'400);
  if (!lease) return pass(lease);
  request.lease = std::chrono::seconds(*lease);
  auto remotes = list_of(**object, "outer_remotes");
  if (!remotes) return pass(remotes);
  for (const json::value& one : **remotes) {
    auto remote = read_remote(one);
    if (!remote) return fail(remote.error().kind, "'outer_remotes': {}", remote.error().text);
    request.outer_remotes.push_back(std::move(*remote));
  }
  if (const json::value* member = (*object)->if_contains("path"); member && !member->is_null()) {
    auto path = read_path(*member);
    if (!path) return fail(path.error().kind, "'path': {}", path.error().text);
    request.path = *path;
  }
  return request;
}

json::value to_value(const PlayRequest& request) {
  json::array list;
  for (const Source& source : request.sources)
    list.push_back(json::object{{"kind", sources.of(source.kind)},
                                {"value", source.value},
                                {"voice", source.voice},
                                {"language", source.language},
                                {"loop", source.loop},
                                {"length_ms", source.length.count()},
                                {"offset_ms", source.offset.count()}});
  return json::object{{"sources", std::move(list)},
                      {"is_stopped_by_digit", request.is_stopped_by_digit},
                      {"is_yielding", request.is_yielding},
                      {"is_queued", request.is_queued},
                      {"volume_db", request.volume_db}};
}

namespace {
/// Nothing where none is said.
Result<std::optional<double>> volume_of(const json::object& object) {
  if (!object.if_contains("volume_db")) return std::optional<double>();
  const double volume = json_number_or(object, "volume_db", 1000);
  if (!(volume >= -60 && volume <= 20))
    return fail(Error::Kind::invalid, "'volume_db' must be a number from -60 to 20");
  return std::optional<double>(volume);
}
}  // namespace

Result<PlayRequest> read_play(const json::value& value) {
  auto object = as_object(value, "what to play");
  if (!object) return pass(object);
  PlayRequest request;
  request.is_stopped_by_digit = json_bool_or(**object, "is_stopped_by_digit", false);
  request.is_yielding = json_bool_or(**object, "is_yielding", false);
  request.is_queued = json_bool_or(**object, "is_queued", false);
  auto volume = volume_of(**object);
  if (!volume) return pass(volume);
  request.volume_db = volume->value_or(0);
  auto list = list_of(**object, "sources");
  if (!list) return pass(list);
  for (const json::value& one : **list) {
    auto item = as_object(one, "a source");
    if (!item) return pass(item);
    Source source;
    auto kind = name_or(**item, "kind", sources, Source::Kind::url);
    if (!kind) return pass(kind);
    // Files of the node's disk are for those who share its process.
    if (*kind == Source::Kind::file) return fail(Error::Kind::refused, "'kind': file is not possible from afar");
    source.kind = *kind;
    source.value = json_string_or(**item, "value", "");
    source.voice = json_string_or(**item, "voice", source.voice);
    source.language = json_string_or(**item, "language", source.language);
    auto loop = number_or(**item, "loop", 1, 0, 1000);
    if (!loop) return pass(loop);
    source.loop = static_cast<uint32_t>(*loop);
    auto length = number_or(**item, "length_ms", 0, 0, day_ms);
    if (!length) return pass(length);
    source.length = milliseconds(*length);
    auto offset = number_or(**item, "offset_ms", 0, 0, day_ms);
    if (!offset) return pass(offset);
    source.offset = milliseconds(*offset);
    request.sources.push_back(std::move(source));
  }
  return request;
}

json::value to_value(const RecordRequest& request) {
  json::array legs;
  for (AnchorId leg : request.legs) legs.emplace_back(id_text(static_cast<uint64_t>(leg)));
  json::object object{{"legs", std::move(legs)},
                      {"is_dual", request.is_dual},
                      {"path_hint", request.path_hint},
                      {"format", file_formats.of(request.format)},
                      {"finish_on_digits", request.finish_on_digits},
                      {"length_max_s", request.length_max.count()},
                      {"has_beep", request.has_beep},
                      {"is_silence_trimmed", request.is_silence_trimmed}};
  if (request.silence_timeout) object["silence_timeout_s"] = request.silence_timeout->count();
  return object;
}

Result<RecordRequest> read_record(const json::value& value) {
  auto object = as_object(value, "the recording");
  if (!object) return pass(object);
  RecordRequest request;
  auto legs = strings_of(**object, "legs");
  if (!legs) return pass(legs);
  for (const std::string& text : *legs) {
    auto id = parse_id(text);
    if (!id) return pass(id);
    request.legs.push_back(static_cast<AnchorId>(*id));
  }
  request.is_dual = json_bool_or(**object, "is_dual", false);
  request.path_hint = json_string_or(**object, "path_hint", "");
  auto format = name_or(**object, "format", file_formats, FileFormat::wav);
  if (!format) return pass(format);
  request.format = *format;
  request.finish_on_digits = json_string_or(**object, "finish_on_digits", "");
  auto length = number_or(**object, "length_max_s", 3600, 1, 86'400);
  if (!length) return pass(length);
  request.length_max = std::chrono::seconds(*length);
  request.has_beep = json_bool_or(**object, "has_beep", false);
  request.is_silence_trimmed = json_bool_or(**object, "is_silence_trimmed", false);
  auto silence = number_or(**object, "silence_timeout_s", 0, 0, 86'400);
  if (!silence) return pass(silence);
  if (*silence > 0) request.silence_timeout = std::chrono::seconds(*silence);
  return request;
}

json::value to_value(const ListenRequest& request) {
  json::object object{{"pause_ms", request.pause.count()}, {"length_max_ms", request.length_max.count()}};
  if (const auto& rules = request.answer)
    object["answer"] = json::object{{"waits_for_end", rules->waits_for_end},
                                    {"timeout_ms", rules->timeout.count()},
                                    {"speech_threshold_ms", rules->speech_threshold.count()},
                                    {"speech_end_ms", rules->speech_end.count()},
                                    {"silence_timeout_ms", rules->silence_timeout.count()}};
  return object;
}

Result<AnswerRules> read_answer_rules(const json::value& value) {
  auto object = as_object(value, "who answered");
  if (!object) return pass(object);
  AnswerRules rules{.waits_for_end = json_bool_or(**object, "waits_for_end", false)};
  struct Time {
    const char* name;
    milliseconds AnswerRules::* field;
    int64_t least, most;
  };
  constexpr Time times[] = {{"timeout_ms", &AnswerRules::timeout, 3000, 60'000},
                            {"speech_threshold_ms", &AnswerRules::speech_threshold, 1000, 6000},
                            {"speech_end_ms", &AnswerRules::speech_end, 500, 5000},
                            {"silence_timeout_ms", &AnswerRules::silence_timeout, 2000, 10'000}};
  for (const Time& time : times) {
    auto number = number_or(**object, time.name, (rules.*time.field).count(), time.least, time.most);
    if (!number) return pass(number);
    rules.*time.field = milliseconds(*number);
  }
  return rules;
}

Result<ListenRequest> read_listen(const json::value& value) {
  auto object = as_object(value, "what to listen for");
  if (!object) return pass(object);
  ListenRequest request;
  auto pause = number_or(**object, "pause_ms", request.pause.count(), 100, 60'000);
  if (!pause) return pass(pause);
  auto length = number_or(**object, "length_max_ms", request.length_max.count(), 100, day_ms);
  if (!length) return pass(length);
  request.pause = milliseconds(*pause);
  request.length_max = milliseconds(*length);
  if (const auto* answer = (*object)->if_contains("answer")) {
    auto rules = read_answer_rules(*answer);
    if (!rules) return pass(rules);
    request.answer = *rules;
  }
  return request;
}

json::value to_value(const StreamRequest& request) {
  return json::object{{"url", request.url}, {"direction", directions.of(request.direction)}, {"rate", request.rate}};
}

Result<StreamRequest> read_stream(const json::value& value) {
  auto object = as_object(value, "the stream");
  if (!object) return pass(object);
  StreamRequest request;
  auto url = json_string(**object, "url");
  if (!url) return pass(url);
  request.url = std::move(*url);
  auto direction = name_or(**object, "direction", directions, StreamRequest::Direction::both);
  if (!direction) return pass(direction);
  request.direction = *direction;
  auto rate = number_or(**object, "rate", 8000, 8000, 24'000);
  if (!rate) return pass(rate);
  request.rate = static_cast<uint32_t>(*rate);
  return request;
}

json::value to_value(const JobChange& change) {
  json::object object;
  if (change.is_paused) object = {{"is_paused", *change.is_paused}, {"is_gap_silent", change.is_gap_silent}};
  if (change.volume_db) object["volume_db"] = *change.volume_db;
  return object;
}

Result<JobChange> read_change(const json::value& value) {
  auto object = as_object(value, "the change");
  if (!object) return pass(object);
  JobChange change;
  if ((*object)->if_contains("is_paused")) change.is_paused = json_bool_or(**object, "is_paused", false);
  auto volume = volume_of(**object);
  if (!volume) return pass(volume);
  change.volume_db = *volume;
  change.is_gap_silent = json_bool_or(**object, "is_gap_silent", false);
  return change;
}

json::value to_value(const CollectRequest& request) {
  json::object object{{"digits_max", request.digits_max},
                      {"finish_on_digits", request.finish_on_digits},
                      {"timeout_ms", request.timeout.count()},
                      {"first_timeout_ms", request.first_timeout.count()},
                      {"prompt", to_value(request.prompt)}};
  if (request.speech_timeout) object["speech_timeout_ms"] = request.speech_timeout->count();
  return object;
}

Result<CollectRequest> read_collect(const json::value& value) {
  auto object = as_object(value, "what to collect");
  if (!object) return pass(object);
  CollectRequest request;
  auto digits = number_or(**object, "digits_max", 0, 0, 1000);
  if (!digits) return pass(digits);
  request.digits_max = static_cast<uint32_t>(*digits);
  request.finish_on_digits = json_string_or(**object, "finish_on_digits", "#");
  auto timeout = number_or(**object, "timeout_ms", 5000, 0, day_ms);
  if (!timeout) return pass(timeout);
  request.timeout = milliseconds(*timeout);
  auto first = number_or(**object, "first_timeout_ms", 0, 0, day_ms);
  if (!first) return pass(first);
  request.first_timeout = milliseconds(*first);
  auto speech = number_or(**object, "speech_timeout_ms", 0, 0, 60'000);
  if (!speech) return pass(speech);
  if (*speech > 0) request.speech_timeout = milliseconds(*speech);
  if (const json::value* prompt = (*object)->if_contains("prompt")) {
    auto play = read_play(*prompt);
    if (!play) return pass(play);
    request.prompt = std::move(*play);
  }
  return request;
}

json::value to_value(const TapRequest& request) {
  json::object object{{"capture_bytes", request.capture_bytes}, {"is_as_on_line", request.is_as_on_line}};
  if (request.in.port != 0) object["in"] = request.in.to_string();
  if (request.out.port != 0) object["out"] = request.out.to_string();
  return object;
}

Result<TapRequest> read_tap(const json::value& value) {
  auto object = as_object(value, "the tap");
  if (!object) return pass(object);
  TapRequest request;
  for (auto [key, to] : {std::pair("in", &request.in), std::pair("out", &request.out)}) {
    if (!(*object)->contains(key)) continue;
    auto endpoint = endpoint_of(**object, key);
    if (!endpoint) return pass(endpoint);
    *to = *endpoint;
  }
  auto bytes = number_or(**object, "capture_bytes", 0, 0, capture_bytes_max);
  if (!bytes) return pass(bytes);
  request.capture_bytes = static_cast<uint32_t>(*bytes);
  request.is_as_on_line = json_bool_or(**object, "is_as_on_line", false);
  return request;
}

json::value to_value(const std::vector<StreamStats>& stats) {
  json::array list;
  for (const StreamStats& one : stats) {
    json::object object{{"side", sides.of(one.side)},
                        {"kind", kinds.of(one.kind)},
                        {"packets_in", one.packets_in},
                        {"octets_in", one.octets_in},
                        {"packets_out", one.packets_out},
                        {"octets_out", one.octets_out},
                        {"lost", one.lost},
                        {"late", one.late},
                        {"dropped_source", one.dropped_source},
                        {"dropped_malformed", one.dropped_malformed},
                        {"dropped_srtp", one.dropped_srtp},
                        {"discarded", one.discarded},
                        {"concealed_ms", one.concealed_ms},
                        {"recovered_ms", one.recovered_ms},
                        {"jitter_ms", one.jitter_ms}};
    if (one.buffer_ms) object["buffer_ms"] = *one.buffer_ms;
    if (one.rtt_ms) object["rtt_ms"] = *one.rtt_ms;
    if (one.remote_loss) object["remote_loss"] = *one.remote_loss;
    if (one.remote_score) object["remote_score"] = *one.remote_score;
    if (!one.codec.empty()) object["codec"] = one.codec;
    if (!one.tier.empty()) object["tier"] = one.tier;
    if (one.cpu_percent > 0) object["cpu_percent"] = std::round(one.cpu_percent * 1000) / 1000;
    list.push_back(std::move(object));
  }
  return json::object{{"streams", std::move(list)}};
}

Result<std::vector<StreamStats>> read_stats(const json::value& value) {
  auto object = as_object(value, "the figures");
  if (!object) return pass(object);
  auto list = list_of(**object, "streams");
  if (!list) return pass(list);
  std::vector<StreamStats> all;
  for (const json::value& one : **list) {
    auto item = as_object(one, "a stream");
    if (!item) return pass(item);
    const json::object& figures = **item;
    const auto count = [&](std::string_view key) { return static_cast<uint64_t>(json_integer_or(figures, key, 0)); };
    StreamStats stats;
    stats.side = name_or(figures, "side", sides, Side::outer).value_or(Side::outer);
    stats.kind = name_or(figures, "kind", kinds, StreamKind::audio).value_or(StreamKind::audio);
    stats.packets_in = count("packets_in");
    stats.octets_in = count("octets_in");
    stats.packets_out = count("packets_out");
    stats.octets_out = count("octets_out");
    stats.lost = count("lost");
    stats.late = count("late");
    stats.dropped_source = count("dropped_source");
    stats.dropped_malformed = count("dropped_malformed");
    stats.dropped_srtp = count("dropped_srtp");
    stats.discarded = count("discarded");
    stats.concealed_ms = count("concealed_ms");
    stats.recovered_ms = count("recovered_ms");
    stats.jitter_ms = json_number_or(figures, "jitter_ms", 0);
    if (figures.contains("buffer_ms")) stats.buffer_ms = json_number_or(figures, "buffer_ms", 0);
    if (figures.contains("rtt_ms")) stats.rtt_ms = json_number_or(figures, "rtt_ms", 0);
    if (figures.contains("remote_loss")) stats.remote_loss = json_number_or(figures, "remote_loss", 0);
    if (figures.contains("remote_score")) stats.remote_score = json_number_or(figures, "remote_score", 0);
    stats.codec = json_string_or(figures, "codec", "");
    stats.tier = json_string_or(figures, "tier", "");
    stats.cpu_percent = json_number_or(figures, "cpu_percent", 0);
    all.push_back(std::move(stats));
  }
  return all;
}

/// Rows of numbers: of thousands of legs a second.
json::value to_value(const std::vector<LegSecond>& seconds) {
  json::array rows;
  rows.reserve(seconds.size());
  for (const LegSecond& one : seconds)
    rows.push_back(json::array{id_text(static_cast<uint64_t>(one.anchor)), one.side == Side::inner ? 1 : 0, one.packets,
                               one.lost, one.late, one.jitter_ms, one.rtt_ms, one.far_packets, one.far_lost, one.sent,
                               one.missing});
  return json::object{{"seconds", std::move(rows)}};
}

Result<std::vector<LegSecond>> read_seconds(const json::value& value) {
  constexpr size_t columns = 11;
  auto object = as_object(value, "the seconds");
  if (!object) return pass(object);
  const json::value* rows = (*object)->if_contains("seconds");
  if (rows == nullptr || !rows->is_array()) return fail(Error::Kind::invalid, "'seconds' must be a list of rows");
  std::vector<LegSecond> seconds;
  seconds.reserve(rows->get_array().size());
  for (const json::value& row : rows->get_array()) {
    if (!row.is_array() || row.get_array().size() < columns || !row.get_array()[0].is_string()) continue;
    const json::array& cells = row.get_array();
    const auto id = parse_id(std::string_view(cells[0].get_string()));
    const auto number = [&](size_t i) {
      boost::system::error_code error;
      const double read = cells[i].to_number<double>(error);
      return !error && read > -2e9 && read < 4e9 ? read : 0.0;
    };
    if (!id) continue;
    const auto count = [&](size_t i) { return static_cast<uint32_t>(std::max(0.0, number(i))); };
    seconds.push_back({static_cast<AnchorId>(*id), count(1) == 1 ? Side::inner : Side::outer, count(2), count(3),
                       count(4), static_cast<float>(number(5)), static_cast<float>(number(6)), count(7), count(8),
                       count(9), static_cast<int32_t>(std::min(number(10), 2e9))});
  }
  return seconds;
}

json::value to_value(const NodeState& state) {
  json::object resources;
  for (const auto& one : state.resources) resources[one.name] = json::object{{"used", one.used}, {"max", one.max}};
  return json::object{{"capabilities", to_list(state.capabilities)},
                      {"anchors", state.anchors},
                      {"anchors_max", state.anchors_max},
                      {"load", state.load},
                      {"resources", std::move(resources)}};
}

Result<NodeState> read_state(const json::value& value) {
  auto object = as_object(value, "the state");
  if (!object) return pass(object);
  NodeState state;
  auto capabilities = strings_of(**object, "capabilities");
  if (!capabilities) return pass(capabilities);
  state.capabilities = std::move(*capabilities);
  state.anchors = static_cast<uint32_t>(json_integer_or(**object, "anchors", 0));
  state.anchors_max = static_cast<uint32_t>(json_integer_or(**object, "anchors_max", 0));
  state.load = json_number_or(**object, "load", 0);
  if (const json::value* all = (*object)->if_contains("resources"); all && all->is_object())
    for (const auto& [name, one] : all->get_object()) {
      if (!one.is_object() || state.resources.size() >= list_max) continue;
      state.resources.push_back({std::string(name), static_cast<uint32_t>(json_integer_or(one.get_object(), "used", 0)),
                                 static_cast<uint32_t>(json_integer_or(one.get_object(), "max", 0))});
    }
  return state;
}

json::value to_value(const Error& error) {
  return json::object{{"error", json::object{{"kind", errors.of(error.kind)}, {"text", error.text}}}};
}

Error read_error(const json::value& value) {
  Error error{Error::Kind::internal, "the media node gave no reason"};
  if (!value.is_object()) return error;
  const json::value* member = value.get_object().if_contains("error");
  if (!member || !member->is_object()) return error;
  const json::object& object = member->get_object();
  error.kind = name_or(object, "kind", errors, Error::Kind::internal).value_or(Error::Kind::internal);
  error.text = json_string_or(object, "text", error.text);
  return error;
}

}  // namespace nearend::media
