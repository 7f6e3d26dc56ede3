// Talks whose media moves, judged by what the telephones hear. Over real sockets in a network of its own, or, as tier
// "simulated", with the engine on a virtual clock.
//
//   media_moves RUN [--tier simulated,simulated-processing,sockets,range,kernel,processing] [--seed N]
//   RUN: moves     --moves 200 --kind local-remote,... --extra 0,80,150 --loss 0.01 --jitter 20: each kind with each
//   extra
//                  delay (ms, one way) is a talk of its own; all talk at once
//        features  --count 200: a recorder comes and goes
//        privacy   --count 200: a leg is taken from one party to another
//        digits    --count 200: keys pressed around each move
//        attacks   --count 200: strangers
//        calls     --calls 20000: set up and torn down, with moves and faults
//   All: --between MS from one move to the next, --settle MS before the first, --margin MS granted on a busy machine.
//
// Exit code 1: a bound does not hold; 77: the tier is not possible here.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "moves/runs.hpp"
#include "support/arguments.hpp"

using namespace nearend::media::test;
using namespace nearend::test;

int main(int argc, char** argv) {
  if (argc < 2 || argc % 2 != 0) {
    std::fprintf(stderr, "media_moves moves|features|privacy|digits|attacks|calls [--name value]...\n");
    return 2;
  }
  Arguments arguments;
  for (int i = 2; i + 1 < argc; i += 2)
    if (std::strncmp(argv[i], "--", 2) == 0) arguments[argv[i] + 2] = argv[i + 1];
  Plan plan;
  plan.seed = static_cast<uint64_t>(number_of(arguments, "seed", 1));
  plan.count = static_cast<uint32_t>(number_of(arguments, "moves", number_of(arguments, "count", plan.count)));
  plan.calls = static_cast<uint32_t>(number_of(arguments, "calls", plan.calls));
  plan.between_ms = static_cast<uint32_t>(number_of(arguments, "between", plan.between_ms));
  plan.settle_ms = static_cast<uint32_t>(number_of(arguments, "settle", plan.settle_ms));
  plan.margin_ms = number_of(arguments, "margin", plan.margin_ms);
  plan.loss = number_of(arguments, "loss", plan.loss);
  plan.jitter_ms = static_cast<uint32_t>(number_of(arguments, "jitter", plan.jitter_ms));
  for (const std::string& one : list_of(arguments, "extra", "0,80,150"))
    plan.extra_ms.push_back(static_cast<uint32_t>(std::atoi(one.c_str())));
  for (const std::string& name :
       list_of(arguments, "kind", "local-remote,local-split,local-direct,relay-relay,relay-node"))
    if (const auto kind = parse_kind(name)) plan.kinds.push_back(*kind);
  int worst = 0;
  for (const std::string& name : list_of(arguments, "tier", "simulated")) {
    const auto tier = parse_tier(name);
    if (!tier) Site::fatal("no such tier: " + name);
    plan.tier = *tier;
    worst = std::max(worst, run(argv[1], plan));
  }
  return worst;
}
