#include "link/profile.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace nearend::link {
namespace {

constexpr std::string_view platform_header_names[] = {"Region", "Call", "Action", "Features"};
constexpr std::string_view signature_header = "Platform-Signature";
constexpr int64_t kClockSkewMax_s = 120;
constexpr size_t region_bytes_max = 64;

bool is_zone_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

std::string signature_hash(std::string_view key, std::string_view method,
                           const std::vector<std::pair<std::string_view, std::string_view>>& fields,
                           std::string_view body, int64_t unix_seconds) {
  std::string text = fmt::format("{}\n{}\n", method, unix_seconds);
  for (const auto& [name, value] : fields) text += fmt::format("{}:{}\n", name, value);
  text += hash_hex(HashKind::sha256, body);
  return hex(hmac_bytes(HashKind::sha256, key, text));
}

/// A header that may be absent; the error of a broken one names it.
Result<std::vector<Item>> optional_items(const sip::Message& message, std::string_view name) {
  auto items = parse_items(message.header(name));
  if (!items) return fail(Error::Kind::malformed, "{}: {}", name, items.error().text);
  return items;
}

}  // namespace

std::string_view Region::zone() const {
  return std::string_view(path).substr(0, path.find('/'));
}

Result<Region> parse_region(std::string_view value) {
  const std::string_view text = trim(value);
  if (text.empty()) return fail(Error::Kind::malformed, "Region: empty; a zone path such as 'eu/ie1' is expected");
  if (text.size() > region_bytes_max)
    return fail(Error::Kind::malformed, "Region: longer than {} characters", region_bytes_max);
  bool is_part_open = false;
  for (char c : text) {
    if (c == '/' && is_part_open) {
      is_part_open = false;
    } else if (is_zone_char(c)) {
      is_part_open = true;
    } else {
      return fail(Error::Kind::malformed, "Region: '{}' is no zone path; letters, digits and '-' between single '/'",
                  text);
    }
  }
  if (!is_part_open) return fail(Error::Kind::malformed, "Region: nothing usable after '/' in '{}'", text);
  return Region{std::string(text)};
}

Result<CallContext> parse_context(std::string_view value) {
  auto items = parse_items(value);
  if (!items) return fail(Error::Kind::malformed, "Call: {}", items.error().text);
  if (items->size() != 1)
    return fail(Error::Kind::malformed, "Call: exactly one value expected, found {}", items->size());
  const Item& item = items->front();
  CallContext context{.call_sid = item.name,
                      .account_sid = std::string(item.parameter("account")),
                      .leg = std::string(item.parameter("leg")),
                      .parent_leg = std::string(item.parameter("parent"))};
  if (context.account_sid.empty()) return fail(Error::Kind::malformed, "Call: the parameter 'account' is missing");
  if (context.leg.empty()) return fail(Error::Kind::malformed, "Call: the parameter 'leg' is missing");
  if (item.has("epoch")) {
    auto epoch = parse_unsigned(item.parameter("epoch"));
    if (!epoch) return fail(Error::Kind::malformed, "Call: epoch '{}' is no whole number", item.parameter("epoch"));
    context.epoch = *epoch;
  }
  return context;
}

std::string to_string(const CallContext& context) {
  Item item{.name = context.call_sid, .parameters = {{"account", context.account_sid}, {"leg", context.leg}}};
  if (!context.parent_leg.empty()) item.parameters.emplace_back("parent", context.parent_leg);
  item.parameters.emplace_back("epoch", fmt::format("{}", context.epoch));
  return item.to_string();
}

const Item* Headers::action(std::string_view name) const {
  auto found = std::find_if(actions.begin(), actions.end(), [&](const Item& item) { return item.name == name; });
  return found == actions.end() ? nullptr : &*found;
}

const Item* Headers::feature(std::string_view name) const {
  auto found = std::find_if(features.begin(), features.end(), [&](const Item& item) { return item.name == name; });
  return found == features.end() ? nullptr : &*found;
}

Result<Headers> read_headers(const sip::Message& message) {
  if (!message.has("Region")) return fail(Error::Kind::malformed, "the Region header is missing");
  if (!message.has("Call")) return fail(Error::Kind::malformed, "the Call header is missing");
  auto region = parse_region(message.header("Region"));
  if (!region) return pass(region);
  auto context = parse_context(message.header("Call"));
  if (!context) return pass(context);
  auto actions = optional_items(message, "Action");
  if (!actions) return pass(actions);
  auto features = optional_items(message, "Features");
  if (!features) return pass(features);
  return Headers{std::move(*region), std::move(*context), std::move(*actions), std::move(*features)};
}

sip::ExtraHeaders to_sip(const Headers& headers) {
  sip::ExtraHeaders fields{{"Region", headers.region.path}, {"Call", to_string(headers.context)}};
  if (!headers.actions.empty()) fields.push_back({"Action", to_string(headers.actions)});
  if (!headers.features.empty()) fields.push_back({"Features", to_string(headers.features)});
  return fields;
}

size_t strip_platform_headers(sip::Message& message) {
  size_t found = 0;
  for (size_t i = 0; i < message.field_count(); ++i) {
    const std::string_view name = message.field(i).name;
    found += equal_ignoring_case(name, signature_header);
    found += std::any_of(std::begin(platform_header_names), std::end(platform_header_names),
                         [&](std::string_view ours) { return equal_ignoring_case(name, ours); });
  }
  if (found == 0) return 0;
  message.remove(signature_header);
  for (std::string_view ours : platform_header_names) message.remove(ours);
  return found;
}

std::string sign(std::string_view key, std::string_view method, const sip::ExtraHeaders& platform_headers,
                 std::string_view body, int64_t unix_seconds) {
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  for (const auto& field : platform_headers) fields.emplace_back(field.name, field.value);
  return fmt::format("t={};h={}", unix_seconds, signature_hash(key, method, fields, body, unix_seconds));
}

sip::ExtraHeaders signed_headers(const Headers& headers, std::string_view key, sip::Method method,
                                 std::string_view body, int64_t unix_seconds) {
  sip::ExtraHeaders fields = to_sip(headers);
  if (key.empty()) return fields;
  std::string signature = sign(key, sip::to_string(method), fields, body, unix_seconds);
  fields.push_back({std::string(signature_header), std::move(signature)});
  return fields;
}

Result<void> verify(std::string_view key, const sip::Message& message, int64_t unix_seconds) {
  const std::string_view value = message.header(signature_header);
  if (value.empty()) return fail(Error::Kind::refused, "{} is missing", signature_header);
  std::string_view time_text;
  std::string_view hash;
  for (std::string_view part : split(value, ';')) {
    if (part.starts_with("t=")) time_text = part.substr(2);
    if (part.starts_with("h=")) hash = part.substr(2);
  }
  const auto time = parse_unsigned(time_text);
  if (!time || hash.empty())
    return fail(Error::Kind::malformed, "{}: 't=<unix seconds>;h=<hex>' expected", signature_header);
  const int64_t apart = unix_seconds - static_cast<int64_t>(*time);
  if (apart > kClockSkewMax_s || apart < -kClockSkewMax_s)
    return fail(Error::Kind::refused, "{}: the clocks are {} s apart, at most {} s are allowed", signature_header,
                apart, kClockSkewMax_s);
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  for (std::string_view name : platform_header_names)
    if (message.has(name)) fields.emplace_back(name, message.header(name));
  const std::string expected =
      signature_hash(key, message.method_name(), fields, message.body(), static_cast<int64_t>(*time));
  if (!equal_in_constant_time(expected, hash))
    return fail(Error::Kind::refused, "{} does not match: different keys or an altered message", signature_header);
  return {};
}

}  // namespace nearend::link
