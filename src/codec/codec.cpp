#include "codec/codec.hpp"

#include "base/text.hpp"
#include "codec/makers.hpp"

namespace nearend::codec {
namespace {

#ifdef NEAREND_NO_G729
constexpr bool has_g729 = false;
#else
constexpr bool has_g729 = true;
#endif

/// The value of `name` in "a=1;b=2", without case.
std::string_view parameter(std::string_view fmtp, std::string_view name) {
  for (std::string_view item : split(fmtp, ';')) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(trim(item.substr(0, equals)), name)) continue;
    return trim(item.substr(equals + 1));
  }
  return {};
}

/// RFC 7587 6.1: what the peer wants to receive.
void read_opus(Settings& settings, std::string_view fmtp) {
  settings.has_fec = parameter(fmtp, "useinbandfec") == "1";
  settings.has_dtx = parameter(fmtp, "usedtx") == "1";
  if (const auto most = parse_unsigned(parameter(fmtp, "maxaveragebitrate")); most && *most >= 6000 && *most <= 510'000)
    settings.bitrate = static_cast<uint32_t>(*most);
}

/// RFC 4867 8.1.
void read_amr(Settings& settings, std::string_view fmtp) {
  settings.is_octet_aligned = parameter(fmtp, "octet-align") == "1";
  const std::string_view modes = parameter(fmtp, "mode-set");
  if (modes.empty()) return;
  uint8_t set = 0;
  for (std::string_view mode : split(modes, ','))
    if (const auto number = parse_unsigned(trim(mode)); number && *number < 8)
      set |= static_cast<uint8_t>(1 << *number);
  if (set != 0) settings.modes = set;
}

/// CRC, interleaving and robust sorting change the payload's form and are not ours.
bool has_foreign_form(std::string_view fmtp) {
  return parameter(fmtp, "crc") == "1" || parameter(fmtp, "robust-sorting") == "1" ||
         !parameter(fmtp, "interleaving").empty();
}

}  // namespace

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::truncated:
      return "truncated";
    case Fault::oversized:
      return "oversized";
    case Fault::malformed:
      return "malformed";
    case Fault::wrong_frame:
      return "wrong-frame";
    case Fault::no_room:
      return "no-room";
    case Fault::refused:
      return "refused";
  }
  return "refused";
}

std::optional<Settings> find_settings(std::string_view name, uint32_t clock_rate, uint8_t channels,
                                      std::string_view fmtp) {
  Settings settings{.clock_rate = clock_rate, .sample_rate = clock_rate};
  const auto is = [&](std::string_view wanted, uint32_t rate) {
    return equal_ignoring_case(name, wanted) && clock_rate == rate && channels <= 1;
  };
  if (is("PCMU", 8000)) {
    settings.kind = Kind::pcmu;
  } else if (is("PCMA", 8000)) {
    settings.kind = Kind::pcma;
  } else if (is("G722", 8000)) {  // RFC 3551 4.5.2: the clock says 8000 by an old error
    settings.kind = Kind::g722;
    settings.sample_rate = 16000;
  } else if (is("L16", 8000) || is("L16", 16000) || is("L16", 32000) || is("L16", 44100) || is("L16", 48000)) {
    settings.kind = Kind::l16;
  } else if (has_g729 && is("G729", 8000)) {
    settings.kind = Kind::g729;
  } else if (is("GSM", 8000)) {
    settings.kind = Kind::gsm;
  } else if (is("AMR", 8000) && !has_foreign_form(fmtp)) {
    settings.kind = Kind::amr;
    read_amr(settings, fmtp);
  } else if (equal_ignoring_case(name, "opus") && clock_rate == 48000) {
    settings.kind = Kind::opus;
    settings.sample_rate = 8000;
    read_opus(settings, fmtp);
  } else {
    return std::nullopt;
  }
  return settings;
}

uint32_t full_rate(const Settings& settings) {
  if (settings.kind == Kind::opus) return 48000;
  if (settings.kind == Kind::g722) return 16000;
  return settings.kind == Kind::l16 ? settings.clock_rate : 8000;
}

bool can_be_spoken(const Settings& settings) {
  return settings.kind != Kind::l16 || settings.clock_rate / 50 * sizeof(int16_t) <= payload_bytes_max;
}

Outcome<std::unique_ptr<Encoder>> make_encoder(const Settings& settings) {
  const auto make = [&]() -> std::unique_ptr<Encoder> {
    switch (settings.kind) {
      case Kind::pcmu:
      case Kind::pcma:
        return make_g711_encoder(settings);
      case Kind::g722:
        return make_g722_encoder(settings);
      case Kind::opus:
        return make_opus_encoder(settings);
      case Kind::l16:
        return make_l16_encoder(settings);
      case Kind::g729:
        return make_g729_encoder(settings);
      case Kind::amr:
        return make_amr_encoder(settings);
      case Kind::gsm:
        return make_gsm_encoder(settings);
    }
    return nullptr;
  };
  auto made = make();
  if (!made) return std::unexpected(Fault::refused);
  return made;
}

Outcome<std::unique_ptr<Decoder>> make_decoder(const Settings& settings) {
  const auto make = [&]() -> std::unique_ptr<Decoder> {
    switch (settings.kind) {
      case Kind::pcmu:
      case Kind::pcma:
        return make_g711_decoder(settings);
      case Kind::g722:
        return make_g722_decoder(settings);
      case Kind::opus:
        return make_opus_decoder(settings);
      case Kind::l16:
        return make_l16_decoder(settings);
      case Kind::g729:
        return make_g729_decoder(settings);
      case Kind::amr:
        return make_amr_decoder(settings);
      case Kind::gsm:
        return make_gsm_decoder(settings);
    }
    return nullptr;
  };
  auto made = make();
  if (!made) return std::unexpected(Fault::refused);
  return made;
}

}  // namespace nearend::codec
