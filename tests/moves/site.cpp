#include "moves/site.hpp"

#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace nearend::media::test {
namespace {
constexpr std::array names{"simulated", "simulated-processing", "sockets", "range", "kernel", "processing"};
}  // namespace

std::string_view to_string(Tier tier) {
  return names[static_cast<size_t>(tier)];
}

std::optional<Tier> parse_tier(std::string_view name) {
  for (size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return static_cast<Tier>(i);
  return std::nullopt;
}

Site::Site(Tier tier, uint64_t seed) : tier_(tier), dice_(seed), orders_(make(*this)) {}
Site::~Site() = default;

io::Loop& Site::make(Site& site) {
  if (is_simulated(site.tier_)) {
    site.virtual_loop_ = std::make_unique<VirtualLoop>();
    site.virtual_net_ = std::make_unique<VirtualNet>(*site.virtual_loop_);
    site.loop_ = site.virtual_loop_.get();
    site.net_ = site.virtual_net_.get();
  } else {
    site.network_ = std::make_unique<flow::test::PrivateNetwork>();
    if (!*site.network_) skip("network namespaces are not allowed here (root)");
    site.real_ = std::make_unique<io::AsioWorld>();
    site.loop_ = &site.real_->loop;
    site.net_ = &site.real_->net;
    // Whoever measures gaps must not make them: phones run at the media thread's own priority, where that is allowed.
    const sched_param priority{.sched_priority = 1};
    (void)::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority);
  }
  return *site.loop_;
}

void Site::run_for(io::Duration length) {
  if (virtual_loop_)
    virtual_loop_->run_for(length);
  else
    real_->loop.run_for(length);
}

void Site::skip(std::string_view why) {
  std::printf("SKIP: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(77);
}

void Site::fatal(std::string_view what) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(2);
}

MediaNode::MediaNode(Site& site, uint16_t port_first, uint16_t ports) : site_(site) {
  settings_.port_first = port_first;
  settings_.port_last = static_cast<uint16_t>(port_first + ports - 1);
  settings_.recordings =
      (std::filesystem::temp_directory_path() / fmt::format("nearend-moves-{}", ::getpid())).string();
  const Tier tier = site.tier();
  settings_.tiers = tier == Tier::kernel ? "kernel" : tier == Tier::range ? "range" : "sockets";
  if (is_simulated(tier)) {
    worker_ = std::make_unique<LoopWorker>(site.loop());
    loader_ = std::make_unique<ClipLoader>(site.loop(), nullptr, *worker_, settings_);
    simulated_ = std::make_unique<LoopControl>(site.loop(), site.net(), settings_, *loader_);
    control_ = simulated_.get();
  } else {
    real_ = std::make_unique<LocalNode>(site.loop(), settings_, nullptr);
    control_ = &real_->control();
    const bool is_possible = tier == Tier::range    ? real_->local().has_range()
                             : tier == Tier::kernel ? real_->local().has_kernel()
                                                    : true;
    if (!is_possible) Site::skip(fmt::format("the tier {} is not possible here (root)", to_string(tier)));
  }
  control_->set_event_handler([this](AnchorId id, Event event) { events[id].push_back(std::move(event)); });
}

AnchorInfo MediaNode::allocate(AllocateRequest request) {
  request.lease = {};
  auto info = site_.wait(control_->allocate(std::move(request)));
  if (!info) Site::fatal(info.error().text);
  return *info;
}

}  // namespace nearend::media::test
