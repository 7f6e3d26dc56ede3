#include "lab/wav.hpp"

#include <algorithm>
#include <fstream>

#include "lab/process.hpp"

namespace nearend::lab {
namespace {

void put(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

uint32_t get(std::string_view bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + static_cast<size_t>(i)]);
  return value;
}

}  // namespace

std::string wav_bytes(std::span<const int16_t> samples) {
  const auto size = static_cast<uint32_t>(samples.size() * 2);
  std::string out = "RIFF";
  put(out, 36 + size, 4);
  out += "WAVEfmt ";
  put(out, 16, 4);
  put(out, 1, 2);  // PCM
  put(out, 1, 2);  // one channel
  put(out, sample_rate, 4);
  put(out, sample_rate * 2, 4);
  put(out, 2, 2);
  put(out, 16, 2);
  out += "data";
  put(out, size, 4);
  for (const int16_t sample : samples) put(out, static_cast<uint16_t>(sample), 2);
  return out;
}

Result<void> write_wav(const std::filesystem::path& file, std::span<const int16_t> samples) {
  std::ofstream out(file, std::ios::binary);
  out << wav_bytes(samples);
  if (!out.flush()) return fail(Error::Kind::internal, "{} cannot be written", file.string());
  return {};
}

Result<Samples> read_wav(const std::filesystem::path& file, size_t channel) {
  const std::string bytes = read_file(file);
  if (bytes.size() < 12 || !bytes.starts_with("RIFF") || bytes.substr(8, 4) != "WAVE") {
    return fail(Error::Kind::malformed, "{} is no RIFF/WAVE file", file.string());
  }
  size_t channels = 0;
  for (size_t at = 12; at + 8 <= bytes.size();) {
    const std::string_view kind(bytes.data() + at, 4);
    const size_t announced = get(bytes, at + 4, 4);
    const size_t size = std::min(announced, bytes.size() - at - 8);
    if (kind == "fmt " && size >= 16) {
      channels = get(bytes, at + 10, 2);
      if (get(bytes, at + 8, 2) != 1 || get(bytes, at + 12, 4) != sample_rate || get(bytes, at + 22, 2) != 16) {
        return fail(Error::Kind::unsupported, "{}: expected 16-bit PCM at {} Hz", file.string(), sample_rate);
      }
    }
    if (kind == "data" && channels > channel) {
      const size_t length = announced == 0 ? bytes.size() - at - 8 : size;
      Samples out;
      for (size_t i = channel * 2; i + 2 <= length; i += channels * 2) {
        out.push_back(static_cast<int16_t>(get(bytes, at + 8 + i, 2)));
      }
      return out;
    }
    at += 8 + size + (size & 1);
  }
  return fail(Error::Kind::malformed, "{}: no samples for channel {}", file.string(), channel);
}

}  // namespace nearend::lab
