#include "policy_world/geography.hpp"

#include <cstdlib>
#include <sstream>
#include <utility>

#include "policy_world_regions.hpp"

namespace nearend::policy_world {

Geography Geography::carried() {
  std::istringstream table(regions_csv);
  Geography geography;
  bool is_head = true;
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (std::exchange(is_head, false)) continue;
    std::istringstream cells(line);
    std::vector<std::string> words;
    for (std::string word; std::getline(cells, word, ',');) words.push_back(word);
    const auto number = [&](size_t i) { return std::atof(words[i].c_str()); };
    Region region{words[0], words[1], number(2), number(4), number(5), words[3] == "1", {}};
    for (size_t i = 6; i < words.size(); ++i) region.rtt_ms.push_back(number(i));
    if (region.has_gateways) geography.served.push_back(static_cast<int>(geography.regions.size()));
    geography.regions.push_back(std::move(region));
  }
  return geography;
}

}  // namespace nearend::policy_world
