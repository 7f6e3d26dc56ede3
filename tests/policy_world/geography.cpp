#include "policy_world/geography.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace nearend::policy_world {

Geography Geography::read(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "policy_world: cannot read %s\n", path.c_str());
    std::exit(2);
  }
  Geography geography;
  bool is_head = true;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (std::exchange(is_head, false)) continue;
    std::istringstream cells(line);
    std::vector<std::string> words;
    for (std::string word; std::getline(cells, word, ',');) words.push_back(word);
    Region region{words[0], std::atof(words[2].c_str()), std::atof(words[4].c_str()), words[3] == "1", {}};
    for (size_t i = 5; i < words.size(); ++i) region.rtt_ms.push_back(std::atof(words[i].c_str()));
    if (region.has_gateways) geography.served.push_back(static_cast<int>(geography.regions.size()));
    geography.regions.push_back(std::move(region));
  }
  return geography;
}

}  // namespace nearend::policy_world
