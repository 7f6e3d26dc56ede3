#include "gateway/negotiation.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.hpp"
#include "codec/codec.hpp"

namespace nearend::gateway {

namespace {

constexpr auto suites_offered =
    std::to_array({srtp::Suite::aead_aes_128_gcm, srtp::Suite::aead_aes_256_gcm, srtp::Suite::aes_cm_128_hmac_sha1_80,
                   srtp::Suite::aes_cm_128_hmac_sha1_32});

bool is_audio(const sdp::Media& section) {
  return section.kind == "audio" && section.is_rtp() && !section.is_rejected();
}
bool is_by_dtls(std::string_view protocol) {
  return protocol.starts_with("UDP/TLS/");
}
bool is_video(const sdp::Media& section) {
  return section.kind == "video" && section.is_rtp() && !section.is_rejected();
}
/// An offered line that we may answer.
bool is_carried(const sdp::Media& section, SrtpPolicy srtp) {
  if (is_by_dtls(section.protocol)) return srtp != SrtpPolicy::off;
  const bool is_other = section.is_secure() ? srtp == SrtpPolicy::required : srtp == SrtpPolicy::off;
  return is_other || srtp == SrtpPolicy::offered;
}

/// Pictures of what is said in confidence are not shown in clear.
bool has_protected_audio(const sdp::SessionDescription& offer, SrtpPolicy srtp) {
  return srtp != SrtpPolicy::off && std::ranges::any_of(offer.media, [&](const sdp::Media& section) {
           return is_audio(section) && is_carried(section, srtp) && sdp::has_keys(section);
         });
}

/// Nothing to send to: where an address in someone's SDP would make us a reflector (threat TH13).
bool is_sound(const Endpoint& endpoint, bool is_loopback_allowed) {
  const IpAddress& address = endpoint.address;
  if (endpoint.port == 0 || address.is_unspecified() || address.is_multicast()) return false;
  if (!address.is_v6() && address.bytes()[0] == 255) return false;
  return is_loopback_allowed || !address.is_loopback();
}

media::Format format_of(const sdp::Codec& codec, uint8_t payload_type) {
  return {.payload_type = payload_type,
          .name = codec.encoding,
          .clock_rate = codec.clock_rate,
          .channels = codec.channels,
          .fmtp = codec.fmtp};
}

std::vector<media::Format> formats_of(const sdp::Agreed& agreed) {
  std::vector<media::Format> formats{format_of(agreed.codec, agreed.send_payload_type)};
  for (const sdp::Codec& codec : agreed.alternatives)
    if (!sdp::is_same_codec(codec, agreed.codec) && !equal_ignoring_case(codec.encoding, "telephone-event"))
      formats.push_back(format_of(codec, codec.payload_type));
  if (agreed.send_event_payload_type)
    formats.push_back({.payload_type = *agreed.send_event_payload_type,
                       .name = "telephone-event",
                       .clock_rate = agreed.event_clock_rate,
                       .fmtp = {}});
  return formats;
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Lengths were checked where the description was read.
std::optional<media::SrtpKeys> keys_of(const sdp::Agreed& agreed) {
  if (!agreed.crypto) return std::nullopt;
  const auto suite = srtp::parse_suite(agreed.crypto->suite);
  if (!suite) return std::nullopt;
  const auto send = srtp::MasterKey::of(*suite, bytes_of(agreed.crypto->send));
  const auto receive = srtp::MasterKey::of(*suite, bytes_of(agreed.crypto->receive));
  if (!send || !receive) return std::nullopt;
  return media::SrtpKeys{*send, *receive};
}

std::vector<media::Format> formats_of(const sdp::Media& section) {
  std::vector<media::Format> formats;
  for (const sdp::RtpMap& map : section.codecs())
    formats.push_back({.payload_type = map.payload_type,
                       .name = map.encoding,
                       .clock_rate = map.clock_rate,
                       .channels = map.channels,
                       .fmtp = std::string(section.fmtp(map.payload_type))});
  return formats;
}

}  // namespace

bool may_be_plain(SrtpPolicy srtp) {
  return srtp == SrtpPolicy::off || srtp == SrtpPolicy::offered;
}

std::vector<media::StreamKind> streams_of(const sdp::SessionDescription& description, bool has_video, SrtpPolicy srtp) {
  std::vector<media::StreamKind> streams;
  bool has_audio = false;
  const bool is_confidential = has_protected_audio(description, srtp);
  for (const sdp::Media& section : description.media) {
    if (!is_carried(section, srtp)) continue;
    if (is_audio(section) && !has_audio) {
      streams.push_back(media::StreamKind::audio);
      has_audio = true;
    } else if (is_video(section) && has_video && std::ranges::count(streams, media::StreamKind::video) == 0 &&
               (!is_confidential || sdp::has_keys(section))) {
      streams.push_back(media::StreamKind::video);
    }
  }
  return streams;
}

std::string refusal_of(const sdp::SessionDescription& description, SrtpPolicy srtp) {
  const auto audio = std::ranges::find_if(description.media, is_audio);
  if (audio == description.media.end()) return "the offer has no audio over RTP";
  if (srtp == SrtpPolicy::off && audio->is_secure()) return "the offer is SRTP, which is off for this provider";
  if (srtp == SrtpPolicy::dtls && !is_by_dtls(audio->protocol))
    return "the offer has no DTLS-SRTP, which is a must here";
  if (srtp == SrtpPolicy::required && !audio->is_secure()) return "the offer has no SRTP, which is a must here";
  if (srtp != SrtpPolicy::off && audio->is_secure()) return "the offer's SRTP has no suite or fingerprint that we do";
  return "no media line that we can carry";
}

namespace {
constexpr uint8_t payload_type_free = 0xff;

/// Can be made samples of here, and of samples; others are only passed on.
bool is_coded(const sdp::Codec& codec) {
  const auto settings = codec::find_settings(codec.encoding, codec.clock_rate, codec.channels, codec.fmtp);
  return settings && codec::can_be_spoken(*settings);
}

/// In an answer what we only pass on has the parameters of the offer.
void mirror_formats(const sdp::Media& offered, std::vector<sdp::Codec>& codecs) {
  for (sdp::Codec& codec : codecs) {
    if (is_coded(codec)) continue;
    for (const sdp::RtpMap& map : offered.codecs())
      if (equal_ignoring_case(map.encoding, codec.encoding) && map.clock_rate == codec.clock_rate &&
          map.channels == codec.channels)
        codec.fmtp = std::string(offered.fmtp(map.payload_type));
  }
}
}  // namespace

std::optional<sdp::Codec> codec_named(std::string_view name) {
  static const std::vector<sdp::Codec> known{sdp::pcmu(),
                                             sdp::pcma(),
                                             {"G722", 8000, 1, 9, {}},
                                             sdp::opus(111),
                                             {"G729", 8000, 1, 18, "annexb=no"},
                                             {"AMR", 8000, 1, 112, "octet-align=1"},
                                             {"L16", 16000, 1, 113, {}},
                                             {"AMR-WB", 16000, 1, payload_type_free, "octet-align=1"},
                                             {"GSM", 8000, 1, 3, {}},
                                             {"G726-16", 8000, 1, payload_type_free, {}},
                                             {"G726-24", 8000, 1, payload_type_free, {}},
                                             {"G726-32", 8000, 1, payload_type_free, {}},
                                             {"G726-40", 8000, 1, payload_type_free, {}}};
  for (const sdp::Codec& codec : known)
    if (equal_ignoring_case(codec.encoding, name)) return codec;
  const auto parts = split(name, '/');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty()) return std::nullopt;
  const auto is_token = [](char c) { return c > ' ' && c < 0x7f && c != ';' && c != ','; };
  const auto rate = parse_unsigned(parts[1]), channels = parse_unsigned(parts.size() == 3 ? parts[2] : "1");
  if (!std::ranges::all_of(parts[0], is_token) || !rate || !channels) return std::nullopt;
  if (*rate < 1000 || *rate > 192'000 || *channels < 1 || *channels > 8) return std::nullopt;
  return sdp::Codec{
      std::string(parts[0]), static_cast<uint32_t>(*rate), static_cast<uint8_t>(*channels), payload_type_free, {}};
}

std::vector<sdp::Codec> codecs_named(const std::vector<std::string>& names) {
  std::vector<sdp::Codec> codecs;
  uint8_t next = 114;
  for (const std::string& name : names) {
    auto codec = codec_named(name);
    if (!codec) continue;
    if (codec->payload_type == payload_type_free) codec->payload_type = next = next > 127 ? 96 : next;
    if (codec->payload_type == next) ++next;
    codecs.push_back(std::move(*codec));
  }
  return codecs;
}

void Negotiation::begin(uint64_t session, std::vector<StreamAddress> streams, std::vector<sdp::Codec> allowed) {
  allowed_ = std::move(allowed);
  const IpAddress address = streams.empty() ? IpAddress() : streams.front().address.address;
  streams_ = std::move(streams);
  speaker_ = std::make_unique<sdp::Speaker>(session >> 1, address);
}

Result<void> Negotiation::secure(SrtpPolicy policy, std::string fingerprint) {
  srtp_ = policy;
  is_protected_ = false;
  profile_.clear();
  fingerprint_ = policy == SrtpPolicy::off ? std::string() : std::move(fingerprint);
  if (policy == SrtpPolicy::dtls && fingerprint_.empty())
    return fail(Error::Kind::unsupported, "the media node does no DTLS");
  crypto_.clear();
  if (policy == SrtpPolicy::off) return {};
  crypto_.resize(streams_.size());
  for (auto& keys : crypto_) {
    for (const srtp::Suite suite : suites_offered) {
      auto key = srtp::MasterKey::random(suite);
      if (!key) return pass(key);
      const auto bytes = key->bytes();
      keys.push_back({static_cast<uint32_t>(keys.size() + 1), std::string(srtp::shape_of(suite).name),
                      std::string(bytes.begin(), bytes.end())});
    }
  }
  return {};
}

Result<void> Negotiation::readdress(const std::vector<StreamAddress>& streams, const std::string& fingerprint) {
  for (size_t i = 0; i < streams_.size() && i < streams.size(); ++i) streams_[i].address = streams[i].address;
  if (!fingerprint_.empty()) fingerprint_ = fingerprint;
  // A key is for one stream of one node: another stream under it could repeat what protects the first.
  for (auto& keys : crypto_) {
    for (sdp::Crypto& crypto : keys) {
      const auto suite = srtp::parse_suite(crypto.suite);
      if (!suite) continue;
      auto key = srtp::MasterKey::random(*suite);
      if (!key) return pass(key);
      const auto bytes = key->bytes();
      crypto.key.assign(bytes.begin(), bytes.end());
    }
  }
  return {};
}

std::string Negotiation::restate() {
  const auto lines = lines_;
  auto offer_out = std::move(offer_);
  const auto model = sdp::parse_sdp(theirs_);
  std::string text = offer(model ? &*model : nullptr);
  lines_ = lines;
  offer_ = std::move(offer_out);
  return text;
}

Result<void> Negotiation::follow(std::string_view description) {
  auto parsed = sdp::parse_sdp(description);
  if (!parsed) return pass(parsed);
  for (size_t i = 0; i < lines_.size() && i < parsed->media.size(); ++i) {
    Line& line = lines_[i];
    const sdp::Media& section = parsed->media[i];
    const auto rtp = parsed->rtp_endpoint(section);
    if (!line.is_used || section.is_rejected() || !rtp) continue;
    line.rtp = *rtp;
    line.rtcp = parsed->rtcp_endpoint(section).value_or(Endpoint{});
  }
  theirs_ = description;
  return {};
}

/// What is preferred, under our own payload types, as far as it is allowed.
std::vector<sdp::Codec> Negotiation::liked() const {
  std::vector<sdp::Codec> liked;
  const auto add = [&](const sdp::Codec& wanted) {
    for (const sdp::Codec& codec : allowed_) {
      if (!sdp::is_same_codec(codec, wanted)) continue;
      liked.push_back(codec);
      if (!is_coded(codec)) liked.back().fmtp = wanted.fmtp;  // what is passed on is as its ends have it
    }
  };
  for (const sdp::Codec& codec : preferred_) add(codec);
  if (preferred_.empty()) {
    for (const sdp::Codec& codec : allowed_)
      if (codec.encoding.starts_with("PCM")) liked.push_back(codec);
  }
  return liked;
}

/// Our codecs: in an offer the liked ones and then the others that are allowed; in an answer only liked ones, where the
/// offer has one of them.
sdp::LocalMedia Negotiation::audio_line(size_t stream, sdp::Direction direction, const sdp::Media* offered) const {
  sdp::LocalMedia line;
  line.rtp = streams_[stream].address;
  line.codecs = liked();
  const auto is_offered = [&](const sdp::Codec& codec) {
    return std::ranges::any_of(offered->codecs(), [&](const sdp::RtpMap& map) {
      const sdp::Codec theirs{map.encoding, map.clock_rate, map.channels, map.payload_type,
                              std::string(offered->fmtp(map.payload_type))};
      return sdp::is_same_codec(codec, theirs);
    });
  };
  // Where the other leg has only what cannot be coded here, nothing else is of use to it; and without that leg that is
  // of no use to anybody.
  const bool is_for_coded =
      offered != nullptr || preferred_.empty() || line.codecs.empty() || std::ranges::any_of(line.codecs, is_coded);
  if (is_for_coded && (offered == nullptr || std::ranges::none_of(line.codecs, is_offered))) {
    const auto is_new = [&](const sdp::Codec& codec) {
      return std::ranges::none_of(line.codecs, [&](const sdp::Codec& one) { return sdp::is_same_codec(one, codec); });
    };
    for (const sdp::Codec& codec : allowed_)
      if (is_new(codec) && (offered != nullptr || is_coded(codec))) line.codecs.push_back(codec);
  }
  if (offered != nullptr) mirror_formats(*offered, line.codecs);
  line.codecs.push_back(sdp::telephone_event());
  line.direction = direction;
  protect(line, stream);
  return line;
}

void Negotiation::protect(sdp::LocalMedia& line, size_t stream) const {
  if (stream < crypto_.size()) line.crypto = crypto_[stream];
  // What was protected stays so: nobody talks a leg out of it in mid-call.
  line.is_crypto_required = must_be_protected() || is_protected_;
  line.fingerprint = fingerprint_;
  if (is_protected_)
    line.protocol = profile_;
  else if (must_be_protected())
    line.protocol = srtp_ == SrtpPolicy::dtls ? "UDP/TLS/RTP/SAVP" : "RTP/SAVP";
  line.is_rtcp_mux_offered = is_by_dtls(line.protocol);
}

sdp::LocalMedia Negotiation::relayed_line(const sdp::Media& section, size_t stream, sdp::Direction direction) const {
  sdp::LocalMedia line;
  line.kind = section.kind;
  line.rtp = streams_[stream].address;
  line.codecs.clear();
  line.direction = direction;
  protect(line, stream);
  line.relayed = section;
  return line;
}

std::vector<sdp::LocalMedia> Negotiation::lines_for(const sdp::SessionDescription& description, Use use,
                                                    sdp::Direction direction, const sdp::SessionDescription* far_side) {
  std::vector<sdp::LocalMedia> locals;
  std::vector<bool> is_taken(streams_.size(), false);
  const bool is_confidential = use == Use::answer && has_protected_audio(description, srtp_);
  lines_.clear();
  const auto take = [&](media::StreamKind kind) -> std::optional<size_t> {
    for (size_t i = 0; i < streams_.size(); ++i)
      if (streams_[i].kind == kind && !is_taken[i]) {
        is_taken[i] = true;
        return i;
      }
    return std::nullopt;
  };
  for (const sdp::Media& section : description.media) {
    Line& line = lines_.emplace_back();
    sdp::LocalMedia local;  // port 0: rejected
    local.kind = section.kind;
    local.protocol = section.protocol;
    // Whose words a new offer is modelled on says nothing about the protection of this side.
    if (use == Use::answer && !is_carried(section, srtp_)) {
      locals.push_back(std::move(local));
      continue;
    }
    if (is_audio(section)) {
      line.stream = take(media::StreamKind::audio);
      if (line.stream) local = audio_line(*line.stream, direction, use == Use::answer ? &section : nullptr);
    } else if (is_video(section)) {
      line.stream = take(media::StreamKind::video);
      const size_t index = locals.size();
      const bool has_far_line = far_side != nullptr && index < far_side->media.size();
      const sdp::Media& far_line = has_far_line ? far_side->media[index] : section;
      if (line.stream && !far_line.is_rejected()) local = relayed_line(far_line, *line.stream, direction);
      local.is_crypto_required = local.is_crypto_required || is_confidential;
    }
    locals.push_back(std::move(local));
  }
  return locals;
}

void Negotiation::learn(const std::vector<sdp::Agreed>& agreed, const sdp::SessionDescription& theirs) {
  is_protected_ = is_protected_ || std::ranges::any_of(agreed, [](const auto& one) {
                    return !one.is_relayed && (one.crypto || one.dtls);
                  });
  for (size_t i = 0; i < agreed.size() && i < lines_.size(); ++i) {
    Line& line = lines_[i];
    const sdp::Agreed& what = agreed[i];
    const bool is_in_clear = is_protected_ && !what.crypto && !what.dtls;
    line.is_used = what.is_accepted && line.stream.has_value() && !is_in_clear;
    if (!line.is_used) continue;
    line.is_sending = sdp::sends(what.direction) && what.remote_rtp.has_value();
    line.is_receiving = sdp::receives(what.direction);
    line.rtp = what.remote_rtp.value_or(Endpoint{});
    line.rtcp = what.remote_rtcp.value_or(Endpoint{});
    line.is_mux = what.is_rtcp_mux;
    line.ptime_ms = what.ptime_ms;
    line.formats = what.is_relayed ? formats_of(theirs.media[i]) : formats_of(what);
    const std::string_view reports = theirs.media[i].attribute("rtcp-xr").value_or("");  // RFC 3611 5.1
    line.wants_voip_metrics = reports.find("voip-metrics") != std::string_view::npos;
    line.wants_reference_time = reports.find("rcvr-rtt") != std::string_view::npos;
    line.srtp = keys_of(what);
    line.dtls.reset();
    if (what.dtls) line.dtls = media::DtlsPeer{what.dtls->fingerprint, what.dtls->is_client};
    if (what.is_relayed) continue;
    if (line.srtp || line.dtls) {
      profile_ = theirs.media[i].protocol;
      if (profile_.ends_with('F')) profile_.pop_back();  // feedback is not ours
    }
    agreed_codecs_.assign(1, what.codec);
    for (const sdp::Codec& codec : what.alternatives)
      if (!sdp::is_same_codec(codec, what.codec) && !equal_ignoring_case(codec.encoding, "telephone-event"))
        agreed_codecs_.push_back(codec);
  }
}

Result<std::string> Negotiation::answer(std::string_view offer, sdp::Direction direction,
                                        const sdp::SessionDescription* far_side) {
  if (!speaker_) return fail(Error::Kind::invalid, "no media yet to offer against");
  auto parsed = sdp::parse_sdp(offer);
  if (!parsed) return pass(parsed);
  const auto lines_before = lines_;
  const auto locals = lines_for(*parsed, Use::answer, direction, far_side);
  auto answer = speaker_->answer(*parsed, locals, sdp::Preference::offerer);
  if (!answer.is_acceptable) {
    lines_ = lines_before;
    return fail(Error::Kind::unsupported, "{}", refusal_of(*parsed, is_protected_ ? SrtpPolicy::required : srtp_));
  }
  learn(answer.lines, *parsed);
  theirs_ = offer;
  return answer.description.to_string();
}

std::string Negotiation::offer(const sdp::SessionDescription* model, sdp::Direction direction) {
  std::vector<sdp::LocalMedia> locals;
  if (model != nullptr) {
    locals = lines_for(*model, Use::offer, direction);
  } else {
    lines_.clear();
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (streams_[i].kind != media::StreamKind::audio) continue;
      lines_.emplace_back().stream = i;
      locals.push_back(audio_line(i, direction, nullptr));
    }
  }
  offer_ = std::make_unique<Offered>(Offered{speaker_->offer(locals), locals});
  return offer_->description.to_string();
}

Result<void> Negotiation::accept(std::string_view answer) {
  auto heard = hear(answer);
  if (heard) offer_.reset();
  return heard;
}

Result<void> Negotiation::hear(std::string_view answer) {
  if (!offer_) return fail(Error::Kind::invalid, "an answer without an offer");
  auto parsed = sdp::parse_sdp(answer);
  if (!parsed) return pass(parsed);
  auto agreed = sdp::accept_answer(offer_->description, offer_->lines, *parsed);
  if (!agreed) return pass(agreed);
  learn(*agreed, *parsed);
  theirs_ = answer;
  return {};
}

std::vector<media::Remote> Negotiation::remotes(const SourcePolicy& policy) const {
  std::vector<media::Remote> remotes;
  for (const Line& line : lines_) {
    if (!line.stream) continue;
    media::Remote& remote = remotes.emplace_back();
    remote.stream = *line.stream;
    remote.source.mode = policy.is_learned ? media::SourceRule::Mode::learn : media::SourceRule::Mode::strict;
    remote.source.also = policy.also;
    remote.may_send = line.is_used && line.is_sending && is_sound(line.rtp, policy.is_loopback_allowed);
    remote.may_receive = line.is_used && line.is_receiving;
    if (!line.is_used) continue;
    if (is_sound(line.rtp, policy.is_loopback_allowed)) remote.rtp = line.rtp;
    remote.is_rtcp_mux = line.is_mux;
    if (!line.is_mux && is_sound(line.rtcp, policy.is_loopback_allowed)) remote.rtcp = line.rtcp;
    remote.formats = line.formats;
    remote.srtp = line.srtp;
    remote.dtls = line.dtls;
    remote.wants_voip_metrics = line.wants_voip_metrics;
    remote.wants_reference_time = line.wants_reference_time;
    remote.ptime = std::chrono::milliseconds(line.ptime_ms);
  }
  return remotes;
}

bool Negotiation::is_inactive() const {
  return std::ranges::none_of(lines_,
                              [](const Line& line) { return line.is_used && (line.is_sending || line.is_receiving); });
}

std::string Negotiation::ours() const {
  return speaker_ && speaker_->last() ? speaker_->last()->to_string() : std::string();
}

}  // namespace nearend::gateway
