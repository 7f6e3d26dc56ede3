#include "link/profile.hpp"

#include <doctest/doctest.h>

using namespace nearend;
using namespace nearend::link;

namespace {

sip::Message info_message(const sip::ExtraHeaders& headers, std::string_view body) {
  auto message = sip::Message::request(sip::Method::info, "sip:leg@198.51.100.7");
  REQUIRE(message);
  for (const auto& header : headers) REQUIRE(message->add(header.name, header.value));
  message->set_body("application/json", body);
  return std::move(*message);
}

const Headers header_text{
    .region = {"eu/ie1"},
    .context = {.call_sid = "CA1", .account_sid = "AC1", .leg = "LG2", .parent_leg = "LG1", .epoch = 3},
    .actions = {{"arm", {{"peer", "LG1"}, {"gateway", "sip:198.51.100.7:5070;transport=tcp"}}}},
    .features = {{"bridge", {}}, {"profile", {{"v", "1"}}}}};

}  // namespace

TEST_CASE("items survive writing and reading, quoted where needed") {
  const std::string text = to_string(header_text.actions);
  CHECK(text == "arm;peer=LG1;gateway=\"sip:198.51.100.7:5070;transport=tcp\"");
  auto items = parse_items(text);
  REQUIRE(items);
  CHECK(items->at(0).parameter("gateway") == "sip:198.51.100.7:5070;transport=tcp");
  CHECK(items->at(0).has("peer"));
  CHECK_FALSE(items->at(0).has("tone"));
}

TEST_CASE("a broken item list names the column") {
  for (std::string_view bad : {"arm;", "arm;=x", "arm peer", ",arm", "arm;a=\"open", "arm,,b"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_items(bad));
  }
}

TEST_CASE("a region is a zone path") {
  CHECK(parse_region("eu/ie1")->zone() == "eu");
  CHECK(parse_region(" na ")->path == "na");
  for (std::string_view bad : {"", "/", "eu/", "eu//ie1", "e u", "eu/ie1;x"}) {
    CAPTURE(bad);
    auto region = parse_region(bad);
    REQUIRE_FALSE(region);
    CHECK(region.error().text.starts_with("Region:"));
  }
}

TEST_CASE("the Call header keeps account, leg, parent and epoch") {
  auto context = parse_context(to_string(header_text.context));
  REQUIRE(context);
  CHECK(context->call_sid == "CA1");
  CHECK(context->parent_leg == "LG1");
  CHECK(context->epoch == 3);
  CHECK(parse_context("CA1;leg=L").error().text == "Call: the parameter 'account' is missing");
  CHECK_FALSE(parse_context("CA1;account=A;leg=L;epoch=x"));
}

TEST_CASE("platform headers are read back, and an outsider's are removed") {
  sip::Message message = info_message(signed_headers(header_text, "key", sip::Method::info, "{}", 1000), "{}");
  auto headers = read_headers(message);
  REQUIRE(headers);
  CHECK(headers->action("arm")->parameter("peer") == "LG1");
  CHECK(headers->feature("profile")->parameter("v") == "1");
  CHECK(strip_platform_headers(message) == 5);
  CHECK_FALSE(message.has("Region"));
  CHECK_FALSE(message.has("Platform-Signature"));
  CHECK(read_headers(message).error().text == "the Region header is missing");
}

TEST_CASE("a signature holds for the message it was made for, within two minutes") {
  const sip::ExtraHeaders fields = signed_headers(header_text, "key", sip::Method::info, "{}", 1000);
  CHECK(verify("key", info_message(fields, "{}"), 1060));
  CHECK_FALSE(verify("other", info_message(fields, "{}"), 1060));
  CHECK_FALSE(verify("key", info_message(fields, "{\"a\":1}"), 1060));
  CHECK_FALSE(verify("key", info_message(fields, "{}"), 1121));
  sip::ExtraHeaders altered = fields;
  altered[0].value = "us/us1";
  CHECK_FALSE(verify("key", info_message(altered, "{}"), 1060));
  CHECK_FALSE(verify("key", info_message(to_sip(header_text), "{}"), 1000));
}

TEST_CASE("the bodies of play, gather and record survive writing and reading") {
  media::PlayRequest play{
      .sources = {{.kind = media::Source::Kind::speech, .value = "Hello", .language = "de-DE", .loop = 2},
                  {.kind = media::Source::Kind::silence, .length = media::milliseconds(500)}}};
  auto play_again = play_from_json(to_json(play));
  REQUIRE(play_again);
  REQUIRE(play_again->sources.size() == 2);
  CHECK(play_again->sources[0].language == "de-DE");
  CHECK(play_again->sources[0].loop == 2);
  CHECK(play_again->sources[1].length == media::milliseconds(500));

  media::CollectRequest collect{
      .digits_max = 4, .finish_on_digits = "", .timeout = media::milliseconds(2500), .prompt = play};
  auto collect_again = collect_from_json(to_json(collect));
  REQUIRE(collect_again);
  CHECK(collect_again->digits_max == 4);
  CHECK(collect_again->finish_on_digits.empty());
  CHECK(collect_again->prompt.sources.size() == 2);

  media::RecordRequest record{
      .is_dual = true, .path_hint = "RE1", .silence_timeout = std::chrono::seconds(7), .has_beep = true};
  auto record_again = record_from_json(to_json(record));
  REQUIRE(record_again);
  CHECK(record_again->is_dual);
  CHECK(record_again->silence_timeout == std::chrono::seconds(7));
  CHECK(play_from_json(parse_json(R"({"sources":[{"kind":"song","value":"x"}]})").value()).error().text ==
        "source: kind 'song' is not one of url, file, speech, tone, silence, digits");
}
