#include "sdp/negotiate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace nearend::sdp {
namespace {

constexpr std::string_view event_encoding = "telephone-event";

bool is_event(const Codec& codec) {
  return equal_ignoring_case(codec.encoding, event_encoding);
}
/// Comfort noise is no codec to talk with.
bool is_speech_or_picture(const Codec& codec) {
  return !is_event(codec) && !equal_ignoring_case(codec.encoding, "CN");
}

Codec make_codec(const RtpMap& map, std::string_view fmtp) {
  return {map.encoding, map.clock_rate, map.channels, map.payload_type, std::string(fmtp)};
}

std::vector<Codec> codecs_of(const Media& media) {
  std::vector<Codec> codecs;
  for (const RtpMap& map : media.codecs()) codecs.push_back(make_codec(map, media.fmtp(map.payload_type)));
  return codecs;
}

const Codec* find_same(const std::vector<Codec>& codecs, const Codec& wanted) {
  const auto found =
      std::find_if(codecs.begin(), codecs.end(), [&](const Codec& codec) { return is_same_codec(codec, wanted); });
  return found == codecs.end() ? nullptr : &*found;
}

/// The peer's telephone-event that goes with the codec's clock, or any.
const Codec* find_event(const std::vector<Codec>& codecs, uint32_t clock_rate) {
  const Codec* any = nullptr;
  for (const Codec& codec : codecs) {
    if (!is_event(codec)) continue;
    if (codec.clock_rate == clock_rate) return &codec;
    if (!any) any = &codec;
  }
  return any;
}

/// The value of `name` in "a=1;b=2", without case.
std::string_view fmtp_parameter(std::string_view fmtp, std::string_view name) {
  for (std::string_view item : split(fmtp, ';')) {
    const size_t equals = item.find('=');
    if (equal_ignoring_case(trim(item.substr(0, equals)), name))
      return equals == std::string_view::npos ? std::string_view{} : trim(item.substr(equals + 1));
  }
  return {};
}

/// Attributes that say where media goes, or how to find out; never passed on.
bool reveals_address(const Attribute& attribute) {
  static constexpr auto names = std::to_array<std::string_view>(
      {"rtcp", "candidate", "end-of-candidates", "remote-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite",
       "ice-mismatch", "ice-pacing", "source-filter", "alt", "rtcp-xr-url", "x-candidate"});
  return std::find(names.begin(), names.end(), attribute.name) != names.end();
}

/// Keys and what goes with them are between us and one side; those of the other side are nobody's business.
bool is_keying(const Attribute& attribute) {
  static constexpr auto names =
      std::to_array<std::string_view>({"crypto", "fingerprint", "setup", "tls-id", "key-mgmt", "zrtp-hash"});
  return std::find(names.begin(), names.end(), attribute.name) != names.end();
}

bool is_dtls(std::string_view protocol) {
  return protocol == "UDP/TLS/RTP/SAVP" || protocol == "UDP/TLS/RTP/SAVPF";
}

/// The other side's fingerprint and the role that is left to us (RFC 8842 5); weak hashes are none.
std::optional<AgreedDtls> dtls_of(const SessionDescription& theirs, const Media& media, bool is_offer) {
  const auto told = [&](std::string_view name) {
    return media.has(name) ? media.attribute(name) : theirs.attribute(name);
  };
  const auto fingerprint = told("fingerprint"), setup = told("setup");
  if (!fingerprint || !setup || !to_lower(*fingerprint).starts_with("sha-") ||
      to_lower(*fingerprint).starts_with("sha-1 "))
    return std::nullopt;
  if (*setup == "passive" || (is_offer && *setup == "actpass")) return AgreedDtls{std::string(*fingerprint), true};
  if (*setup == "active") return AgreedDtls{std::string(*fingerprint), false};
  return std::nullopt;
}

void write_dtls(Media& media, const LocalMedia& line, std::string_view setup) {
  media.set_attribute("fingerprint", line.fingerprint);
  media.set_attribute("setup", setup);
}

bool is_protocol_fit(std::string_view offered, const LocalMedia& line) {
  if (is_dtls(offered)) return !line.fingerprint.empty();
  if (offered == line.protocol) return true;
  if (offered == "RTP/SAVP" || offered == "RTP/SAVPF") return !line.crypto.empty() || line.protocol == "RTP/SAVP";
  return offered == "RTP/AVPF" && line.protocol == "RTP/AVP";
}

/// The first of the offer's keys that we can use, in its order of preference, and ours for the same suite.
std::optional<std::pair<Crypto, AgreedCrypto>> choose_crypto(const LocalMedia& line, const Media& offered) {
  for (const Attribute& attribute : offered.attributes) {
    if (attribute.name != "crypto") continue;
    const auto theirs = parse_crypto(attribute.value);
    if (!theirs) continue;
    const auto ours = std::ranges::find(line.crypto, theirs->suite, &Crypto::suite);
    if (ours == line.crypto.end()) continue;
    return std::pair(Crypto{theirs->tag, theirs->suite, ours->key},
                     AgreedCrypto{theirs->suite, ours->key, theirs->key});
  }
  return std::nullopt;
}

/// True where the line cannot be without keys.
bool needs_crypto(const LocalMedia& line, const Media& media) {
  return line.is_crypto_required || (!line.crypto.empty() && media.is_secure());
}

/// The keys of an answer: exactly one of those we offered (RFC 4568 5.1.3); nothing where it chose plain RTP.
Result<std::optional<AgreedCrypto>> answered_crypto(size_t index, const LocalMedia& line, const Media& answered) {
  std::optional<AgreedCrypto> agreed;
  for (const Attribute& attribute : answered.attributes) {
    if (attribute.name != "crypto" || line.crypto.empty()) continue;
    auto theirs = parse_crypto(attribute.value);
    if (!theirs) return fail(Error::Kind::invalid, "answer: media line {}: {}", index + 1, theirs.error().text);
    const auto ours = std::ranges::find(line.crypto, theirs->tag, &Crypto::tag);
    if (agreed || ours == line.crypto.end() || ours->suite != theirs->suite)
      return fail(Error::Kind::invalid, "answer: media line {}: a=crypto is none that was offered", index + 1);
    agreed = AgreedCrypto{theirs->suite, ours->key, theirs->key};
  }
  if (!agreed && needs_crypto(line, answered))
    return fail(Error::Kind::refused, "answer: media line {} has no a=crypto: SRTP is a must", index + 1);
  return agreed;
}

void write_crypto(Media& media, const Crypto& crypto) {
  media.attributes.push_back({"crypto", to_string(crypto), true});
}

void write_codecs(Media& media, const std::vector<Codec>& codecs) {
  media.formats.clear();
  for (const Codec& codec : codecs) {
    media.formats.push_back(std::to_string(codec.payload_type));
    std::string map = fmt::format("{} {}/{}", codec.payload_type, codec.encoding, codec.clock_rate);
    if (codec.channels > 1) map += fmt::format("/{}", codec.channels);
    media.attributes.push_back({"rtpmap", std::move(map), true});
    if (!codec.fmtp.empty())
      media.attributes.push_back({"fmtp", fmt::format("{} {}", codec.payload_type, codec.fmtp), true});
  }
}

/// Our address goes into the section; SessionDescription's own c= is put right by settle_connections.
void write_place(Media& media, const LocalMedia& line) {
  media.port = line.rtp.port;
  media.port_count = 1;
  media.connections = {make_connection(line.rtp.address)};
  if (line.rtcp_port) media.set_attribute("rtcp", std::to_string(*line.rtcp_port));
}

bool has_feedback(std::string_view protocol) {
  return protocol.ends_with("AVPF");
}

Media make_relayed(const LocalMedia& line, const Media& far_side, std::string protocol) {
  Media media = far_side;
  media.protocol = std::move(protocol);
  std::erase_if(media.attributes, reveals_address);
  std::erase_if(media.attributes, is_keying);
  write_place(media, line);
  return media;
}

Media make_section(const LocalMedia& line, std::string protocol, const std::vector<Codec>& codecs, Direction direction,
                   bool is_mux) {
  Media media;
  media.kind = line.kind;
  media.protocol = std::move(protocol);
  write_codecs(media, codecs);
  if (media.kind == "audio") media.set_attribute("ptime", std::to_string(line.ptime_ms));
  media.set_direction(direction);
  write_place(media, line);
  if (is_mux) media.set_flag("rtcp-mux");
  media.attributes.insert(media.attributes.end(), line.attributes.begin(), line.attributes.end());
  return media;
}

/// "m=audio 0 RTP/AVP 0": a line that is not wanted (RFC 3264 section 6).
Media make_rejected(const Media& offered) {
  Media media;
  media.kind = offered.kind;
  media.protocol = offered.protocol;
  media.formats = offered.formats;
  if (media.formats.empty()) media.formats.emplace_back("0");
  return media;
}

/// A c= that every line shares stands once, in front.
void settle_connections(SessionDescription& description) {
  for (const Media& media : description.media) {
    if (media.is_rejected() || media.connections.empty()) continue;
    description.connection = media.connections.front();
    break;
  }
  if (!description.connection)
    description.connection = Connection{description.origin.is_ip6, description.origin.address, {}};
  for (Media& media : description.media)
    if (media.connections.size() == 1 && media.connections.front() == *description.connection)
      media.connections.clear();
}

/// How long our packets should be: what the peer asks for, within reason.
uint32_t choose_ptime(const Media& theirs, uint32_t ours) {
  const uint32_t wanted = theirs.ptime().value_or(ours);
  const auto most = parse_unsigned(theirs.attribute("maxptime").value_or(""));
  uint32_t chosen = wanted >= 10 && wanted <= 60 && wanted % 10 == 0 ? wanted : ours;
  if (most && *most >= 10 && *most < chosen) chosen = static_cast<uint32_t>(*most / 10 * 10);
  return chosen;
}

/// What is the same for every accepted line: where to send, and which way.
Agreed agree_place(const SessionDescription& theirs, const Media& media, Direction wanted) {
  Agreed agreed;
  agreed.kind = media.kind;
  agreed.is_accepted = true;
  agreed.direction = intersected(wanted, reversed(theirs.direction_of(media)));
  agreed.remote_rtp = theirs.rtp_endpoint(media);
  agreed.remote_rtcp = theirs.rtcp_endpoint(media);
  return agreed;
}

Agreed rejected(const Media& media) {
  Agreed agreed;
  agreed.kind = media.kind;
  return agreed;
}

Agreed agree_relayed(const SessionDescription& theirs, const Media& media, const Media& far_side) {
  Agreed agreed = agree_place(theirs, media, far_side.own_direction().value_or(Direction::sendrecv));
  agreed.is_relayed = true;
  agreed.is_rtcp_mux = media.has_rtcp_mux() && far_side.has_rtcp_mux();
  return agreed;
}

/// Our codecs that the peer named too, with the peer's payload types; events are left out.
std::vector<Codec> common_codecs(const std::vector<Codec>& ours, const std::vector<Codec>& theirs,
                                 Preference preference) {
  std::vector<Codec> common;
  for (const Codec& first : preference == Preference::ours ? ours : theirs) {
    if (!is_speech_or_picture(first)) continue;
    const Codec* second = find_same(preference == Preference::ours ? theirs : ours, first);
    if (!second) continue;
    const Codec& our = preference == Preference::ours ? first : *second;
    const Codec& their = preference == Preference::ours ? *second : first;
    common.push_back(our);
    common.back().payload_type = their.payload_type;
  }
  return common;
}

bool has_place_for(const LocalMedia& line, const Media& offered) {
  return line.rtp.port != 0 && !offered.is_rejected() && line.kind == offered.kind;
}

struct AnsweredLine {
  Media media;
  Agreed agreed;
};

/// How an offered line is protected; neither: it is plain RTP.
struct Chosen {
  std::optional<std::pair<Crypto, AgreedCrypto>> keys;
  std::optional<AgreedDtls> dtls;
};

/// Nothing where the line must be protected and is not, or wants a protection that we do not have.
std::optional<Chosen> choose_protection(const SessionDescription& offer, const Media& offered, const LocalMedia& line) {
  Chosen chosen;
  if (!is_protocol_fit(offered.protocol, line)) return std::nullopt;
  if (is_dtls(offered.protocol)) {
    chosen.dtls = dtls_of(offer, offered, true);
    return chosen.dtls ? std::optional(std::move(chosen)) : std::nullopt;
  }
  chosen.keys = choose_crypto(line, offered);
  if (!chosen.keys && needs_crypto(line, offered)) return std::nullopt;
  return chosen;
}

void write_protection(Media& media, const LocalMedia& line, const Chosen& chosen) {
  if (chosen.keys) write_crypto(media, chosen.keys->first);
  if (chosen.dtls) write_dtls(media, line, chosen.dtls->is_client ? "active" : "passive");
}

void set_mux(Media& media, bool is_mux) {
  std::erase_if(media.attributes, [](const Attribute& attribute) { return attribute.name == "rtcp-mux"; });
  if (is_mux) media.set_flag("rtcp-mux");
}

AnsweredLine answer_relayed(const SessionDescription& offer, const Media& offered, const LocalMedia& line,
                            const Media& far_side) {
  auto chosen = choose_protection(offer, offered, line);
  if (!chosen || far_side.is_rejected() || !far_side.is_rtp() ||
      has_feedback(far_side.protocol) != has_feedback(offered.protocol))
    return {make_rejected(offered), rejected(offered)};
  Media media = make_relayed(line, far_side, offered.protocol);
  set_mux(media, offered.has_rtcp_mux() && (far_side.has_rtcp_mux() || chosen->dtls));
  write_protection(media, line, *chosen);
  Agreed agreed = agree_relayed(offer, offered, far_side);
  agreed.is_rtcp_mux = media.has_rtcp_mux();
  if (chosen->keys) agreed.crypto = std::move(chosen->keys->second);
  agreed.dtls = std::move(chosen->dtls);
  return {std::move(media), std::move(agreed)};
}

AnsweredLine answer_line(const SessionDescription& offer, const Media& offered, const LocalMedia& line,
                         Preference preference) {
  if (!has_place_for(line, offered)) return {make_rejected(offered), rejected(offered)};
  if (line.relayed) return answer_relayed(offer, offered, line, *line.relayed);
  const std::vector<Codec> theirs = codecs_of(offered);
  std::vector<Codec> common = common_codecs(line.codecs, theirs, preference);
  const auto chosen = choose_protection(offer, offered, line);
  if (common.empty() || !chosen) return {make_rejected(offered), rejected(offered)};

  Agreed agreed = agree_place(offer, offered, line.direction);
  if (chosen->keys) agreed.crypto = chosen->keys->second;
  agreed.dtls = chosen->dtls;
  agreed.codec = common.front();
  agreed.send_payload_type = agreed.receive_payload_type = agreed.codec.payload_type;
  agreed.is_rtcp_mux = line.is_rtcp_mux_possible && offered.has_rtcp_mux();
  agreed.ptime_ms = choose_ptime(offered, line.ptime_ms);
  std::vector<Codec> formats{agreed.codec};
  const Codec* their_event = find_event(theirs, agreed.codec.clock_rate);
  if (const Codec* our_event = find_event(line.codecs, agreed.codec.clock_rate); our_event && their_event) {
    formats.push_back(
        {std::string(event_encoding), their_event->clock_rate, 1, their_event->payload_type, our_event->fmtp});
    agreed.send_event_payload_type = agreed.receive_event_payload_type = their_event->payload_type;
    agreed.event_clock_rate = their_event->clock_rate;
  }
  agreed.alternatives = std::move(common);
  Media media = make_section(line, offered.protocol, formats, agreed.direction, agreed.is_rtcp_mux);
  write_protection(media, line, *chosen);
  return {std::move(media), std::move(agreed)};
}

/// The answer's formats; one without rtpmap means what our offer said it means.
std::vector<Codec> answered_codecs(const Media& offered, const Media& answered) {
  Media merged = answered;
  for (const Attribute& attribute : offered.attributes)
    if (attribute.name == "rtpmap") merged.attributes.push_back(attribute);
  return codecs_of(merged);
}

/// Keys of an answered line into `agreed`.
Result<void> accept_protection(size_t index, const LocalMedia& line, const SessionDescription& answer,
                               const Media& answered, Agreed& agreed) {
  if (is_dtls(answered.protocol)) {
    agreed.dtls = dtls_of(answer, answered, false);
    if (!agreed.dtls)
      return fail(Error::Kind::refused, "answer: media line {}: a=fingerprint and a=setup are expected", index + 1);
    return {};
  }
  auto keys = answered_crypto(index, line, answered);
  if (!keys) return pass(keys);
  agreed.crypto = std::move(*keys);
  return {};
}

Result<Agreed> accept_line(size_t index, const Media& offered, const LocalMedia& line, const SessionDescription& answer,
                           const Media& answered) {
  if (answered.kind != offered.kind)
    return fail(Error::Kind::invalid, "answer: media line {} is {}, the offer's is {}", index + 1, answered.kind,
                offered.kind);
  if (answered.is_rejected()) return rejected(answered);
  if (offered.is_rejected()) return fail(Error::Kind::invalid, "answer: media line {} was not offered", index + 1);
  if (offered.is_secure() && !answered.is_secure())
    return fail(Error::Kind::refused, "answer: media line {} is {}: SRTP is a must", index + 1, answered.protocol);
  if (answered.protocol != offered.protocol)
    return fail(Error::Kind::invalid, "answer: media line {} is {}, the offer's is {}", index + 1, answered.protocol,
                offered.protocol);
  Agreed agreed =
      line.relayed ? agree_relayed(answer, answered, *line.relayed) : agree_place(answer, answered, line.direction);
  if (auto taken = accept_protection(index, line, answer, answered, agreed); !taken) return pass(taken);
  agreed.is_rtcp_mux = offered.has_rtcp_mux() && answered.has_rtcp_mux();
  if (line.relayed) return agreed;
  const std::vector<Codec> theirs = answered_codecs(offered, answered);
  agreed.alternatives = common_codecs(line.codecs, theirs, Preference::offerer);
  if (agreed.alternatives.empty())
    return fail(Error::Kind::invalid, "answer: media line {} has no codec that was offered", index + 1);
  agreed.codec = *find_same(line.codecs, agreed.alternatives.front());
  agreed.send_payload_type = agreed.alternatives.front().payload_type;
  agreed.receive_payload_type = agreed.codec.payload_type;
  agreed.ptime_ms = choose_ptime(answered, line.ptime_ms);
  const Codec* their_event = find_event(theirs, agreed.codec.clock_rate);
  const Codec* our_event = their_event ? find_same(line.codecs, *their_event) : nullptr;
  if (our_event) {
    agreed.send_event_payload_type = their_event->payload_type;
    agreed.event_clock_rate = their_event->clock_rate;
    agreed.receive_event_payload_type = our_event->payload_type;
  }
  return agreed;
}

}  // namespace

Codec pcmu() {
  return {"PCMU", 8000, 1, 0, {}};
}
Codec pcma() {
  return {"PCMA", 8000, 1, 8, {}};
}
Codec opus(uint8_t payload_type) {
  return {"opus", 48000, 2, payload_type, "useinbandfec=1"};
}
Codec telephone_event(uint8_t payload_type, uint32_t clock_rate) {
  return {std::string(event_encoding), clock_rate, 1, payload_type, "0-15"};
}

bool has_keys(const Media& media) {
  if (is_dtls(media.protocol)) return true;
  return std::ranges::any_of(media.attributes, [](const Attribute& attribute) {
    return attribute.name == "crypto" && parse_crypto(attribute.value).has_value();
  });
}

bool is_same_codec(const Codec& a, const Codec& b) {
  if (!equal_ignoring_case(a.encoding, b.encoding) || a.clock_rate != b.clock_rate || a.channels != b.channels)
    return false;
  const auto is_same = [&](std::string_view name, std::string_view usual) {
    const std::string_view left = fmtp_parameter(a.fmtp, name);
    const std::string_view right = fmtp_parameter(b.fmtp, name);
    return (left.empty() ? usual : left) == (right.empty() ? usual : right);
  };
  if (equal_ignoring_case(a.encoding, "H264")) return is_same("packetization-mode", "0");
  if (equal_ignoring_case(a.encoding, "VP9")) return is_same("profile-id", "0");
  if (to_lower(a.encoding).starts_with("amr")) return is_same("octet-align", "0");
  return true;
}

Speaker::Speaker(uint64_t session_id, IpAddress address, std::string username) {
  origin_ = {std::move(username), std::to_string(session_id), 0, address.is_v6(), address.to_string()};
}

SessionDescription Speaker::finish(SessionDescription description) {
  description.origin = origin_;
  settle_connections(description);
  if (last_ && *last_ == description) return description;
  ++origin_.version;
  description.origin = origin_;
  last_ = description;
  return description;
}

SessionDescription Speaker::offer(const std::vector<LocalMedia>& lines) {
  SessionDescription description;
  description.times = {"t=0 0"};
  for (const LocalMedia& line : lines) {
    const bool is_with_feedback = line.relayed && has_feedback(line.relayed->protocol);
    Media media = line.relayed
                      ? make_relayed(line, *line.relayed, line.protocol + (is_with_feedback ? "F" : ""))
                      : make_section(line, line.protocol, line.codecs, line.direction, line.is_rtcp_mux_offered);
    if (line.relayed && is_dtls(line.protocol)) set_mux(media, true);
    if (is_dtls(line.protocol))
      write_dtls(media, line, "actpass");
    else
      for (const Crypto& crypto : line.crypto) write_crypto(media, crypto);
    description.media.push_back(line.rtp.port == 0 ? make_rejected(media) : std::move(media));
  }
  return finish(std::move(description));
}

Speaker::Answer Speaker::answer(const SessionDescription& offer, const std::vector<LocalMedia>& lines,
                                Preference preference) {
  Answer answer;
  answer.description.times = offer.times;
  for (size_t i = 0; i < offer.media.size(); ++i) {
    const Media& offered = offer.media[i];
    AnsweredLine line = i < lines.size() ? answer_line(offer, offered, lines[i], preference)
                                         : AnsweredLine{make_rejected(offered), rejected(offered)};
    answer.is_acceptable = answer.is_acceptable || line.agreed.is_accepted;
    answer.description.media.push_back(std::move(line.media));
    answer.lines.push_back(std::move(line.agreed));
  }
  answer.description = finish(std::move(answer.description));
  return answer;
}

Result<std::vector<Agreed>> accept_answer(const SessionDescription& our_offer, const std::vector<LocalMedia>& lines,
                                          const SessionDescription& answer) {
  if (answer.media.size() != our_offer.media.size() || lines.size() != our_offer.media.size())
    return fail(Error::Kind::invalid, "answer: {} media lines for an offer of {}", answer.media.size(),
                our_offer.media.size());
  std::vector<Agreed> all;
  for (size_t i = 0; i < lines.size(); ++i) {
    auto agreed = accept_line(i, our_offer.media[i], lines[i], answer, answer.media[i]);
    if (!agreed) return pass(agreed);
    all.push_back(std::move(*agreed));
  }
  return all;
}

SessionDescription readdressed(const SessionDescription& description, const std::vector<Endpoint>& lines,
                               const Origin& origin) {
  SessionDescription result = description;
  result.origin = origin;
  result.name = "-";
  result.information.clear();
  result.extras.clear();
  result.connection.reset();
  std::erase_if(result.attributes, reveals_address);
  for (size_t i = 0; i < result.media.size(); ++i) {
    Media& media = result.media[i];
    const Endpoint place = i < lines.size() && !media.is_rejected() ? lines[i] : Endpoint{};
    std::erase_if(media.attributes, reveals_address);
    media.port = place.port;
    media.port_count = 1;
    media.connections.clear();
    if (place.port != 0) media.connections = {make_connection(place.address)};
  }
  settle_connections(result);
  return result;
}

}  // namespace nearend::sdp
