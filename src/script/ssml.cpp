#include "script/ssml.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"
#include "script/attributes.hpp"

namespace nearend::script {
namespace {

using media::milliseconds;
using media::Source;

constexpr milliseconds pause_max{10000};

struct Strength {
  std::string_view name;
  milliseconds pause;
};
constexpr std::array<Strength, 6> strengths{{{"none", milliseconds(0)},
                                             {"x-weak", milliseconds(100)},
                                             {"weak", milliseconds(250)},
                                             {"medium", milliseconds(500)},
                                             {"strong", milliseconds(750)},
                                             {"x-strong", milliseconds(1000)}}};
constexpr milliseconds sentence_pause{400}, paragraph_pause{800};

constexpr std::array<std::string_view, 10> elements{"break",   "emphasis", "lang",   "p",   "phoneme",
                                                    "prosody", "s",        "say-as", "sub", "w"};
constexpr std::array<std::string_view, 4> spelled{"characters", "spell-out", "digits", "telephone"};

/// "2s", "1.5s" or "300ms".
std::optional<milliseconds> parse_time(std::string_view text) {
  const bool is_ms = text.ends_with("ms");
  if (!is_ms && !text.ends_with("s")) return std::nullopt;
  const std::string_view number = text.substr(0, text.size() - (is_ms ? 2 : 1));
  double value = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != number.data() + number.size() || !(value >= 0) || value > 1e6) return std::nullopt;
  return std::min(pause_max, milliseconds(static_cast<int64_t>(is_ms ? value : value * 1000)));
}

/// Collects speech and pauses in the order of the text.
class Reader {
 public:
  Reader(const Source& voice, Notes& notes) : voice_(voice), notes_(notes) {}

  void read_children(const markup::Element& parent) {
    for (const markup::Element& child : parent.children) read(child);
  }

  std::vector<Source> take() {
    flush();
    while (!sources_.empty() && sources_.back().kind == Source::Kind::silence && is_gap_) sources_.pop_back();
    return std::move(sources_);
  }

 private:
  void read(const markup::Element& node) {
    if (node.is_text()) return add(node.text);
    if (node.name == "break") return read_break(node);
    if (node.name == "sub")
      return add(attribute_text(node, "alias").empty() ? inner_text(node) : attribute_text(node, "alias"));
    if (node.name == "say-as") return read_say_as(node);
    if (node.name == "p" || node.name == "s") {
      gap(node.name == "p" ? paragraph_pause : sentence_pause);
      read_children(node);
      return gap(node.name == "p" ? paragraph_pause : sentence_pause);
    }
    warn(node);
    read_children(node);
  }

  void warn(const markup::Element& node) {
    const std::string name = node.name.substr(0, 64);
    if (std::ranges::find(elements, node.name) != elements.end())
      return notes_.warn_once("ssml " + name, node, code::schema,
                              fmt::format("<{}> inside <Say> is not supported yet: its text is read as it is", name));
    const std::string_view nearest = nearest_name(node.name, elements);
    const std::string hint =
        nearest.empty() ? "known are " + joined(elements) : fmt::format("did you mean <{}>?", nearest);
    notes_.warn_once("ssml " + name, node, code::schema, fmt::format("<Say> knows no <{}>: {}", name, hint));
  }

  void read_break(const markup::Element& node) {
    milliseconds length{500};
    if (const std::string* time = node.find_attribute("time")) {
      const auto parsed = parse_time(trim(*time));
      if (parsed)
        length = *parsed;
      else
        notes_.warn(
            node, code::schema,
            fmt::format("time of <break> is '{}' but must be like 2s or 300ms; 500ms is used", time->substr(0, 64)));
    } else if (const std::string* strength = node.find_attribute("strength")) {
      const auto known = std::ranges::find(strengths, *strength, &Strength::name);
      if (known != strengths.end())
        length = known->pause;
      else
        notes_.warn(
            node, code::schema,
            fmt::format("strength of <break> is '{}' but must be one of none, x-weak, weak, medium, strong, x-strong; "
                        "medium is used",
                        strength->substr(0, 64)));
    }
    flush();
    add_silence(length);
    is_gap_ = false;
  }

  void read_say_as(const markup::Element& node) {
    const std::string how = attribute_text(node, "interpret-as");
    if (std::ranges::find(spelled, how) == spelled.end()) {
      notes_.warn_once("say-as " + how, node, code::schema,
                       fmt::format("interpret-as '{}' of <say-as> is not supported yet: the text is read as it is",
                                   how.substr(0, 64)));
      return read_children(node);
    }
    add(" ");
    for (char c : inner_text(node)) {
      // A multi-byte character stays whole: blanks go in front of its first byte only.
      const bool is_first_byte = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
      if (is_first_byte) text_ += ' ';
      text_ += c;
    }
    add(" ");
  }

  void add(std::string_view text) { text_ += text; }

  /// A pause between parts that is dropped at the start and at the end.
  void gap(milliseconds length) {
    flush();
    if (sources_.empty() || sources_.back().kind == Source::Kind::silence) return;
    add_silence(length);
    is_gap_ = true;
  }

  void add_silence(milliseconds length) {
    if (length > milliseconds(0)) sources_.push_back({.kind = Source::Kind::silence, .length = length});
  }

  void flush() {
    const std::string spoken = collapsed(text_);
    text_.clear();
    if (spoken.empty()) return;
    Source source = voice_;
    source.value = spoken;
    sources_.push_back(std::move(source));
  }

  /// With every run of blanks and line ends as one blank.
  static std::string collapsed(std::string_view text) {
    std::string out;
    for (char c : trim(text)) {
      const bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
      if (!is_blank)
        out += c;
      else if (out.back() != ' ')
        out += ' ';
    }
    return out;
  }

  const Source& voice_;
  Notes& notes_;
  std::vector<Source> sources_;
  std::string text_;
  bool is_gap_ = false;  ///< The last silence is one of p or s, not one that was asked for.
};

}  // namespace

std::vector<Source> spoken_sources(const markup::Element& say, const Source& voice, Notes& notes) {
  Reader reader(voice, notes);
  reader.read_children(say);
  return reader.take();
}

}  // namespace nearend::script
