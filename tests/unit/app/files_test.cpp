#include "app/files.hpp"

#include "base/text.hpp"
#include "config/section.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "policy/network_table.hpp"

using namespace nearend;
using namespace nearend::app;

namespace {

/// A directory with one file in it, gone with the test.
struct Directory {
  std::filesystem::path path;
  Directory() {
    std::string form = (std::filesystem::temp_directory_path() / "nearend-files-XXXXXX").string();
    path = ::mkdtemp(form.data());
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

template <class File>
std::string error_of(std::string_view text) {
  const Directory directory;
  const std::string path = directory.write("role.toml", text);
  const auto loaded = load<File>(path);
  if (loaded) return "";
  return loaded.error().text.substr(directory.path.string().size() + 1);
}

}  // namespace

TEST_CASE("a rule that a role's settings break is told with file, line and key") {
  CHECK(error_of<GatewayFile>("[gateway]\nname = \"eu1\"\n\n[[gateway.provider]]\nname = \"a\"\n") ==
        "role.toml:4: gateway.provider[0].addresses: the networks that its calls come from; or inbound = false");
  CHECK(error_of<GatewayFile>("[gateway]\ncalls_max = 0\n") == "role.toml:2: gateway.calls_max: at least 1");
  CHECK(error_of<GatewayFile>("[gateway]\n[[gateway.link_listen]]\nprotocol = \"udp\"\n") ==
        "role.toml:3: gateway.link_listen[0].protocol: \"tcp\" or \"tls\"");
  CHECK(error_of<GatewayFile>("[gateway]\n[[gateway.link_listen]]\nprotocol = \"tcp\"\nlocal = \"0.0.0.0:5070\"\n")
            .contains("gateway.link_listen[0].advertised_host: needed"));
  CHECK(error_of<RouterFile>("[router]\nname = \"us1\"\n") ==
        "role.toml:1: router.link_listen: at least one address is needed");
}

TEST_CASE("policy servers and media nodes are checked before they start too") {
  CHECK(error_of<PolicyFile>("[policy_server]\npenalty_from = 1.5\n") ==
        "role.toml:2: policy_server.penalty_from: above 0, at most 1");
  CHECK(error_of<MediaFile>("[media_server]\nlisten = \"192.0.2.1:7400\"\n").contains("media_server.peer_key: needed"));
  CHECK(error_of<MediaFile>("[media_server]\n\n[media]\nport_first = 80\n") ==
        "role.toml:4: media.port_first 80 is below 1024");
}

TEST_CASE("tables of networks are read with the topology, and a fault in one is told with its line") {
  Directory directory;
  directory.write("topology.toml", "networks = [\"here.csv\", \"there.txt\"]\n");
  directory.write("here.csv", "203.0.113.0/24, DE\n");
  directory.write("there.txt", "ripencc|FR|ipv4|192.0.2.0|256|20100712|allocated\n");
  const std::string path = directory.write("role.toml", "topology = \"topology.toml\"\n");
  const auto good = load<PolicyFile>(path);
  REQUIRE(good);
  REQUIRE(good->topology.networks);
  CHECK(good->topology.networks->size() == 2);
  directory.write("here.csv", "203.0.113.0/24, DE\n198.51.100.0/24, Germany\n");
  const auto bad = load<PolicyFile>(path);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().text.contains("here.csv:2: after the network a country's code"));
  directory.write("topology.toml", "networks = [\"nowhere.csv\"]\n");
  const auto none = load<PolicyFile>(path);
  REQUIRE_FALSE(none);
  CHECK(none.error().text.contains("networks: cannot read"));
}

TEST_CASE("a fault in the topology is told with the topology's place") {
  const Directory directory;
  directory.write("topology.toml", "[[router]]\nname = \"us1\"\nregion = \"us/va1\"\nlink_uri = \"192.0.2.9\"\n");
  const auto loaded = load<PolicyFile>(directory.write("role.toml", "topology = \"topology.toml\"\n"));
  REQUIRE(!loaded);
  CHECK(loaded.error().text.ends_with("topology.toml:4: router[0].link_uri: a SIP URI is expected, not '192.0.2.9'"));
}

TEST_CASE("every sample file can be read as it is printed, and with every comment sign taken off its keys") {
  // "# key = value" and "# [[table]]" are meant to be uncommented; "..." stands for what has no default.
  const auto uncommented = [](std::string_view sample) {
    std::string text;
    for (std::string_view line : split(sample, '\n')) {
      const std::string_view rest = line.starts_with("# ") ? line.substr(2) : line;
      const size_t equals = rest.find(" = ");
      const bool is_key = equals != std::string_view::npos && rest.find(' ') == equals;
      const bool is_table = rest.starts_with('[');
      if ((is_key && !rest.ends_with("...")) || is_table) text += fmt::format("{}\n", rest);
    }
    return text;
  };
  const auto read = [&]<class File>(std::string_view role, std::string_view least_key) {
    CAPTURE(role);
    const auto sample = sample_file(role);
    REQUIRE(sample);
    const auto whole = uncommented(*sample);
    CHECK(whole.contains(least_key));
    for (const std::string& text : {*sample, whole}) {
      const auto root = config::parse_toml(text, "sample");
      REQUIRE(root);
      const auto file = config::read_settings<File>(*root);
      CHECK_MESSAGE(file, (file ? "" : file.error().text));
    }
  };
  read.operator()<GatewayFile>("gateway", "[[gateway.provider.target]]");
  read.operator()<RouterFile>("router", "[[router.link_listen]]");
  read.operator()<PolicyFile>("policy", "penalty_from");
  read.operator()<MediaFile>("media", "peer_key");
  CHECK_FALSE(sample_file("carrier"));
}
