#include "script/dial_targets.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "script/attributes.hpp"
#include "script/sip_address.hpp"
#include "script/url.hpp"

namespace nearend::script {
namespace {

using call::DialTarget;

constexpr size_t number_digits_max = 20;
constexpr std::array<std::string_view, 6> number_attributes{
    "url", "method", "statusCallback", "statusCallbackMethod", "statusCallbackEvent", "sendDigits"};
constexpr std::array<std::string_view, 8> number_later{"byoc",
                                                       "machineDetection",
                                                       "machineDetectionTimeout",
                                                       "machineDetectionSpeechThreshold",
                                                       "machineDetectionSpeechEndThreshold",
                                                       "machineDetectionSilenceTimeout",
                                                       "amdStatusCallback",
                                                       "amdStatusCallbackMethod"};
constexpr std::array<std::string_view, 7> sip_attributes{
    "url", "method", "statusCallback", "statusCallbackMethod", "statusCallbackEvent", "username", "password"};
constexpr std::array<std::string_view, 7> sip_later{"machineDetection",
                                                    "machineDetectionTimeout",
                                                    "machineDetectionSpeechThreshold",
                                                    "machineDetectionSpeechEndThreshold",
                                                    "machineDetectionSilenceTimeout",
                                                    "amdStatusCallback",
                                                    "amdStatusCallbackMethod"};
constexpr std::array<std::string_view, 4> events{"initiated", "ringing", "answered", "completed"};
constexpr std::array<std::string_view, 2> nouns{"Number", "Sip"};
constexpr std::array<std::string_view, 6> later_nouns{"Application", "Client", "Conference",
                                                      "Queue",       "Sim",    "WhatsApp"};

/// The absolute form of a noun's URL attribute; one that cannot be resolved is left out with a warning.
std::string noun_url(const markup::Element& noun, std::string_view name, std::string_view base, Notes& notes) {
  const std::string text = attribute_text(noun, name);
  if (text.empty()) return {};
  auto url = resolve_url(base, text);
  if (url) return std::move(*url);
  notes.warn(noun, code::invalid_url, fmt::format("{} of <{}> is ignored: {}", name, noun.name, url.error().text));
  return {};
}

DialTarget common_target(const markup::Element& noun, std::string_view base, Notes& notes) {
  DialTarget target{.screen_url = noun_url(noun, "url", base, notes),
                    .screen_method = attribute_method(noun, "method", notes),
                    .status_callback = noun_url(noun, "statusCallback", base, notes),
                    .status_callback_method = attribute_method(noun, "statusCallbackMethod", notes),
                    .status_callback_events = attribute_list(noun, "statusCallbackEvent", events, "completed", notes)};
  if (target.status_callback.empty()) target.status_callback_events.clear();
  return target;
}

std::optional<DialTarget> number_target(const markup::Element& noun, std::string_view base, Notes& notes) {
  check_attributes(noun, number_attributes, number_later, notes);
  check_no_children(noun, notes);
  const std::string text = inner_text(noun);
  auto number = dialable_number(text);
  if (!number) {
    notes.warn(noun, code::schema,
               fmt::format("'{}' in <Number> is not a phone number and is not dialled", text.substr(0, 64)));
    return std::nullopt;
  }
  DialTarget target = common_target(noun, base, notes);
  target.address = std::move(*number);
  target.send_digits = attribute_digits(noun, "sendDigits", dtmf_with_waits, "", notes);
  return target;
}

std::optional<DialTarget> sip_target(const markup::Element& noun, std::string_view base, Notes& notes) {
  check_attributes(noun, sip_attributes, sip_later, notes);
  auto address = sip_address(noun, notes);
  if (!address) return std::nullopt;
  DialTarget target = common_target(noun, base, notes);
  target.kind = DialTarget::Kind::sip;
  target.address = std::move(address->uri);
  target.username = std::move(address->username);
  target.password = std::move(address->password);
  target.headers = std::move(address->headers);
  return target;
}

void warn_unknown(const markup::Element& noun, Notes& notes) {
  const std::string name = noun.name.substr(0, 64);
  if (std::ranges::find(later_nouns, noun.name) != later_nouns.end())
    return notes.warn(noun, code::schema,
                      fmt::format("<{}> inside <Dial> is not supported yet and is not dialled", name));
  const std::string_view nearest = nearest_name(noun.name, nouns);
  const std::string hint = nearest.empty() ? "known are " + joined(nouns) : fmt::format("did you mean <{}>?", nearest);
  notes.warn(noun, code::schema, fmt::format("<Dial> knows no <{}>: {}", name, hint));
}

std::string own_text(const markup::Element& dial) {
  std::string text;
  for (const markup::Element& child : dial.children)
    if (child.is_text()) text += child.text;
  return std::string(trim(text));
}

std::optional<DialTarget> text_target(const markup::Element& dial, const std::string& text, Notes& notes) {
  auto number = dialable_number(text);
  if (number) return DialTarget{.address = std::move(*number)};
  notes.warn(dial, code::schema,
             fmt::format("'{}' in <Dial> is not a phone number and is not dialled", text.substr(0, 64)));
  return std::nullopt;
}

}  // namespace

std::optional<std::string> dialable_number(std::string_view text) {
  std::string digits;
  const bool has_plus = text.starts_with('+');
  for (char c : has_plus ? text.substr(1) : text) {
    if (c >= '0' && c <= '9')
      digits += c;
    else if (std::string_view(" -.()/").find(c) == std::string_view::npos)
      return std::nullopt;
  }
  if (digits.empty() || digits.size() > number_digits_max) return std::nullopt;
  if (has_plus) return '+' + digits;
  if (digits.size() == 10 && digits[0] >= '2') return "+1" + digits;
  if (digits.size() == 11 && digits[0] == '1') return '+' + digits;
  return digits;
}

std::vector<DialTarget> dial_targets(const markup::Element& dial, std::string_view base, Notes& notes) {
  std::vector<DialTarget> targets;
  const auto add = [&targets](std::optional<DialTarget> target) {
    if (target) targets.push_back(std::move(*target));
  };
  if (const std::string text = own_text(dial); !text.empty()) add(text_target(dial, text, notes));
  for (const markup::Element& child : dial.children) {
    if (child.name == "Number")
      add(number_target(child, base, notes));
    else if (child.name == "Sip")
      add(sip_target(child, base, notes));
    else if (!child.is_text())
      warn_unknown(child, notes);
  }
  if (targets.size() > targets_max) {
    notes.warn(dial, code::schema,
               fmt::format("<Dial> rings {} parties at most; the other {} are left out", targets_max,
                           targets.size() - targets_max));
    targets.resize(targets_max);
  }
  return targets;
}

}  // namespace nearend::script
