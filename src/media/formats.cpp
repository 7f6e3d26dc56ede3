#include "media/formats.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace nearend::media {
namespace {

uint32_t hash_name(std::string_view name) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(ascii_lower(c))) * 16777619u;
  return hash;
}

}  // namespace

size_t codec_number(uint32_t name_hash) {
  static const auto hashes = [] {
    std::array<uint32_t, codec_names.size()> all{};
    std::ranges::transform(codec_names, all.begin(), hash_name);
    return all;
  }();
  return static_cast<size_t>(std::ranges::find(hashes, name_hash) - hashes.begin());
}

std::string_view codec_name(uint32_t name_hash) {
  const size_t number = codec_number(name_hash);
  return number < codec_names.size() ? codec_names[number] : "other";
}

Codec codec_of(const Format& format) {
  Codec codec{.payload_type = format.payload_type,
              .channels = format.channels,
              .clock_rate = format.clock_rate,
              .name_hash = hash_name(format.name),
              .pictures = codec::picture_kind(format.name)};
  const bool is_narrow = format.clock_rate == 8000;
  if (is_narrow && equal_ignoring_case(format.name, "PCMU")) codec.kind = Codec::Kind::pcmu;
  if (is_narrow && equal_ignoring_case(format.name, "PCMA")) codec.kind = Codec::Kind::pcma;
  if (const auto settings = codec::find_settings(format.name, format.clock_rate, format.channels, format.fmtp)) {
    codec.is_coded = true;
    codec.coding = settings->kind;
    codec.has_fec = settings->has_fec;
    codec.has_dtx = settings->has_dtx;
    codec.is_octet_aligned = settings->is_octet_aligned;
    codec.modes = settings->modes;
    codec.bitrate_hundreds = static_cast<uint16_t>(settings->bitrate / 100);
  }
  if (equal_ignoring_case(format.name, "telephone-event")) codec.kind = Codec::Kind::event;
  if (equal_ignoring_case(format.name, "CN")) codec.kind = Codec::Kind::comfort_noise;
  return codec;
}

codec::Settings settings_of(const Codec& codec, uint32_t other_rate) {
  codec::Settings settings{.kind = codec.coding,
                           .clock_rate = codec.clock_rate,
                           .sample_rate = codec.clock_rate,
                           .has_fec = codec.has_fec,
                           .has_dtx = codec.has_dtx,
                           .bitrate = uint32_t{codec.bitrate_hundreds} * 100,
                           .is_octet_aligned = codec.is_octet_aligned,
                           .modes = codec.modes};
  if (codec.coding == codec::Kind::g722) settings.sample_rate = 16000;
  if (codec.coding == codec::Kind::opus)
    settings.sample_rate = other_rate <= 8000 ? 8000 : other_rate <= 16000 ? 16000 : 48000;
  return settings;
}

CodecList::CodecList(std::span<const Format> formats) {
  for (const Format& format : formats.first(std::min(formats.size(), limit))) codecs_[count_++] = codec_of(format);
}

const Codec* CodecList::find(uint8_t payload_type) const {
  for (size_t i = 0; i < count_; ++i)
    if (codecs_[i].payload_type == payload_type) return &codecs_[i];
  return nullptr;
}

const Codec* CodecList::find_same(const Codec& codec) const {
  const Codec* found = nullptr;
  for (size_t i = 0; i < count_; ++i) {
    if (!codecs_[i].is_same(codec)) continue;
    if (codecs_[i].payload_type == codec.payload_type) return &codecs_[i];
    if (!found) found = &codecs_[i];
  }
  return found;
}

const Codec* CodecList::find_kind(Codec::Kind kind) const {
  for (size_t i = 0; i < count_; ++i)
    if (codecs_[i].kind == kind) return &codecs_[i];
  return nullptr;
}

const Codec* CodecList::find_pictures(codec::PictureKind kind) const {
  for (size_t i = 0; i < count_; ++i)
    if (codecs_[i].pictures == kind && kind != codec::PictureKind::none) return &codecs_[i];
  return nullptr;
}

const Codec* CodecList::own() const {
  for (size_t i = 0; i < count_; ++i)
    if (codecs_[i].is_g711()) return &codecs_[i];
  for (size_t i = 0; i < count_; ++i)
    if (codecs_[i].is_coded && codec::can_be_spoken(settings_of(codecs_[i], 8000))) return &codecs_[i];
  return nullptr;
}

std::optional<Mapping> map_codec(const CodecList& from, uint8_t payload_type, const CodecList& to) {
  if (from.is_empty() || to.is_empty()) return Mapping{.payload_type = payload_type};
  const Codec* codec = from.find(payload_type);
  if (!codec) return std::nullopt;
  if (const Codec* same = to.find_same(*codec)) return Mapping{.payload_type = same->payload_type};
  if (codec->kind == Codec::Kind::pcmu)
    if (const Codec* alaw = to.find_kind(Codec::Kind::pcma)) return Mapping{Mapping::Way::to_alaw, alaw->payload_type};
  if (codec->kind == Codec::Kind::pcma)
    if (const Codec* ulaw = to.find_kind(Codec::Kind::pcmu)) return Mapping{Mapping::Way::to_ulaw, ulaw->payload_type};
  if (codec->kind == Codec::Kind::event)
    if (const Codec* event = to.find_kind(Codec::Kind::event))
      return Mapping{.payload_type = event->payload_type,
                     .event_clock_in = codec->clock_rate,
                     .event_clock_out = event->clock_rate};
  return std::nullopt;
}

}  // namespace nearend::media
