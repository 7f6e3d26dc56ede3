#include "call/capsule.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include "base/json.hpp"

namespace nearend::call {

namespace {

json::object to_json(const CallFacts& facts) {
  json::object more;
  for (const auto& [name, value] : facts.more) more[name] = value;
  return {{"call", facts.call_sid},
          {"account", facts.account_sid},
          {"from", facts.from},
          {"to", facts.to},
          {"direction", facts.direction},
          {"api_version", facts.api_version},
          {"parent", facts.parent_call_sid},
          {"caller_name", facts.caller_name},
          {"forwarded", facts.forwarded_from},
          {"more", std::move(more)}};
}

Result<CallFacts> facts_from(const json::object& object) {
  CallFacts facts;
  auto call = json_string(object, "call");
  if (!call) return pass(call);
  auto account = json_string(object, "account");
  if (!account) return pass(account);
  facts.call_sid = *call;
  facts.account_sid = *account;
  facts.from = json_string_or(object, "from", "");
  facts.to = json_string_or(object, "to", "");
  facts.direction = json_string_or(object, "direction", "inbound");
  facts.api_version = json_string_or(object, "api_version", facts.api_version);
  facts.parent_call_sid = json_string_or(object, "parent", "");
  facts.caller_name = json_string_or(object, "caller_name", "");
  facts.forwarded_from = json_string_or(object, "forwarded", "");
  const json::value* more = object.if_contains("more");
  if (more == nullptr || more->if_object() == nullptr) return facts;
  for (const auto& [name, value] : *more->if_object())
    if (const json::string* text = value.if_string())
      facts.more.emplace_back(std::string_view(name), std::string_view(*text));
  return facts;
}

json::object to_json(const CapsuleLeg& leg) {
  return {
      {"leg", leg.leg},     {"gateway", leg.gateway}, {"gateway_uri", leg.gateway_uri}, {"state", leg.state},
      {"media", leg.media}, {"call_id", leg.call_id}, {"local_tag", leg.local_tag},     {"remote_tag", leg.remote_tag}};
}

Result<CapsuleLeg> leg_from(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return fail(Error::Kind::malformed, "capsule: legs: not an object");
  auto id = json_string(*object, "leg");
  if (!id) return pass(id);
  return CapsuleLeg{.leg = *id,
                    .gateway = json_string_or(*object, "gateway", ""),
                    .gateway_uri = json_string_or(*object, "gateway_uri", ""),
                    .state = json_string_or(*object, "state", ""),
                    .media = json_string_or(*object, "media", ""),
                    .call_id = json_string_or(*object, "call_id", ""),
                    .local_tag = json_string_or(*object, "local_tag", ""),
                    .remote_tag = json_string_or(*object, "remote_tag", "")};
}

}  // namespace

std::string to_json_text(const Capsule& capsule) {
  json::array legs;
  for (const CapsuleLeg& leg : capsule.legs) legs.push_back(to_json(leg));
  const json::object object{{"v", 1},
                            {"facts", to_json(capsule.facts)},
                            {"answered", capsule.is_answered},
                            {"document_url", capsule.document_url},
                            {"document", capsule.document},
                            {"verb", capsule.verb},
                            {"verb_state", capsule.verb_state},
                            {"legs", std::move(legs)}};
  return nearend::to_json(object);
}

Result<Capsule> parse_capsule(std::string_view text) {
  auto value = parse_json(text);
  if (!value) return pass(value);
  const json::object* object = value->if_object();
  if (object == nullptr) return fail(Error::Kind::malformed, "capsule: not a JSON object");
  const json::value* facts_value = object->if_contains("facts");
  if (facts_value == nullptr || facts_value->if_object() == nullptr)
    return fail(Error::Kind::malformed, "capsule: facts: missing");
  auto facts = facts_from(*facts_value->if_object());
  if (!facts) return pass(facts);
  Capsule capsule;
  capsule.facts = std::move(*facts);
  capsule.is_answered = json_bool_or(*object, "answered", false);
  capsule.document_url = json_string_or(*object, "document_url", "");
  capsule.document = json_string_or(*object, "document", "");
  const int64_t verb = json_integer_or(*object, "verb", 0);
  if (verb < 0) return fail(Error::Kind::invalid, "capsule: verb: {} is below 0", verb);
  capsule.verb = static_cast<size_t>(verb);
  capsule.verb_state = json_string_or(*object, "verb_state", "");
  const json::value* legs = object->if_contains("legs");
  if (legs == nullptr || legs->if_array() == nullptr) return capsule;
  for (const json::value& item : *legs->if_array()) {
    auto leg = leg_from(item);
    if (!leg) return pass(leg);
    capsule.legs.push_back(std::move(*leg));
  }
  return capsule;
}

}  // namespace nearend::call
