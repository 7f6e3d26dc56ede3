// links: sip sim
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <unordered_map>

#include "sim/world.hpp"
#include "sip/stack.hpp"

namespace {

using namespace nearend;
using namespace nearend::sip;
using namespace std::chrono_literals;

const std::string sdp_text =
    "v=0\r\no=ann 2890844526 2890844527 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// One machine with a stack.
class Station : public Stack::Listener {
 public:
  Station(sim::World& world, const std::string& name)
      : host(world.add_host(name, "lab")),
        transport(host.loop(), host.net(), {}),
        stack(host.loop(), transport, {}, *this) {
    (void)transport.listen({.protocol = Protocol::udp, .local = host.endpoint(5060)});
  }
  void on_request(ServerTransactionId transaction, Message, const Flow&) override {
    (void)stack.respond(transaction, 200);
  }
  Result<DialogId> call(const Station& to, std::string description) {
    InviteRequest request;
    request.uri = "sip:bob@" + to.host.endpoint(5060).to_string();
    request.from = "<sip:ann@" + host.endpoint(5060).to_string() + ">";
    request.body = {"application/sdp", std::move(description)};
    request.targets = {{Protocol::udp, to.host.endpoint(5060), {}, 0}};
    return stack.invite(std::move(request));
  }
  sim::Host& host;
  Transport transport;
  Stack stack;
};

struct Phone final : Station {
  using Station::Station;
  void on_dialog_event(DialogId dialog, DialogEvent event) override {
    if (std::holds_alternative<event::Invited>(event)) {
      (void)stack.progress(dialog, 180);
      (void)stack.accept(dialog, {"application/sdp", sdp_text});
    }
    if (std::holds_alternative<event::Accepted>(event) && hangs_up) stack.end(dialog);
  }
  bool hangs_up = true;
};

/// Two dialogs a call, events passed from one to the other.
struct BackToBack final : Station {
  BackToBack(sim::World& world, const std::string& name, const Station& next) : Station(world, name), next_(next) {}
  void on_dialog_event(DialogId dialog, DialogEvent event) override {
    if (auto* invited = std::get_if<event::Invited>(&event)) {
      const auto out = call(next_, std::string(invited->request.body()));
      if (!out) return (void)stack.refuse(dialog, 503);
      other_[dialog] = *out;
      other_[*out] = dialog;
      return;
    }
    const auto found = other_.find(dialog);
    if (found == other_.end()) return;
    const DialogId other = found->second;
    if (auto* progress = std::get_if<event::Progress>(&event))
      (void)stack.progress(other, progress->status, std::move(progress->body));
    if (auto* accepted = std::get_if<event::Accepted>(&event)) (void)stack.accept(other, std::move(accepted->body));
    if (std::holds_alternative<event::Ended>(event)) stack.end(other);
    if (std::holds_alternative<event::Released>(event)) other_.erase(dialog);
  }

 private:
  const Station& next_;
  std::unordered_map<DialogId, DialogId> other_;
};

/// Set up and torn down; the argument says whether a back-to-back user agent stands between the phones. The difference
/// of the two is its cost.
void whole_call(benchmark::State& state) {
  sim::World world(1);
  Phone ann(world, "ann"), bob(world, "bob");
  BackToBack gateway(world, "gateway", bob);
  const Station& callee = state.range(0) ? static_cast<Station&>(gateway) : bob;
  for (auto _ : state) {
    (void)ann.call(callee, sdp_text);
    world.run_for(5ms);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(whole_call)->Arg(0)->Arg(1)->Unit(benchmark::microsecond);

/// Heap that a held call takes in the back-to-back user agent once all timers have run out: half of what it takes in
/// all.
void held_call(benchmark::State& state) {
  constexpr int call_count = 2000;
  double bytes = 0;
  for (auto _ : state) {
    sim::World world(1);
    Phone ann(world, "ann"), bob(world, "bob");
    BackToBack gateway(world, "gateway", bob);
    ann.hangs_up = false;
    const auto hold = [&](int calls) {
      for (int i = 0; i < calls; ++i) {
        (void)ann.call(gateway, sdp_text);
        world.run_for(1ms);
      }
      world.run_for(100s);
      return static_cast<double>(mallinfo2().uordblks);
    };
    const double before = hold(call_count);  // tables have grown by then
    bytes = (hold(call_count) - before) / call_count / 2;
  }
  state.counters["bytes"] = bytes;
}
BENCHMARK(held_call)->Iterations(1);

}  // namespace
