// Strangers at the ports of talks: a provider's leg (strict), two behind NAT (learned), one with SRTP.
#include "moves/runs.hpp"

namespace nearend::media::test {
namespace {

constexpr uint8_t first_attacker = 200;
constexpr auto spray_every = 10ms;

/// `contested`: behind NAT, and a stranger is there first, with a stream as good as any.
enum class Guard : uint8_t { provider, nat, srtp, contested };
constexpr std::array guards{Guard::provider, Guard::nat, Guard::srtp, Guard::contested};
constexpr std::array guard_names{"provider", "NAT", "SRTP", "NAT, contested"};
constexpr std::array bleed_max{0u, 5u, 0u, 5u};

/// One stranger, who hears too.
class Attacker {
 public:
  Attacker(Site& site, uint8_t id, const IpAddress& ip) : site_(site), id_(id) {
    static uint16_t next_port = 61000;
    for (int tries = 0; !socket_ && tries < 100; ++tries) {
      auto opened = site.net().open_udp({ip, next_port++}, [this](const Endpoint&, io::Bytes bytes) {
        const auto packet = rtp::parse_packet(bytes);
        bled += packet && !rtp::is_rtcp(bytes);
      });
      if (opened) socket_ = std::move(*opened);
    }
    if (!socket_) Site::fatal("no port for an attacker");
  }
  void send(const Endpoint& to, std::span<const uint8_t> bytes) {
    socket_->send(to, bytes);
    ++sent;
  }
  /// Speech that would be recognised; `run` packets in order from one source.
  void inject(const Endpoint& to, uint32_t run) {
    const auto ssrc = static_cast<uint32_t>(site_.random(~0u));
    auto sequence = static_cast<uint16_t>(site_.random(65536));
    uint32_t timestamp = site_.random(~0u);
    for (uint32_t i = 0; i < run; ++i) {
      const auto payload = write_frame({id_, ++count_}, 0);
      std::array<uint8_t, 172> bytes;
      rtp::write_packet(bytes,
                        {.sequence = sequence++, .timestamp = timestamp += 160, .ssrc = ssrc, .payload = payload});
      send(to, bytes);
    }
  }
  void junk(const Endpoint& to) {
    std::array<uint8_t, 200> bytes;
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(site_.random(256));
    const size_t size = 1 + site_.random(bytes.size());
    switch (site_.random(5)) {
      case 0:
        bytes[0] = 0x00, bytes[1] = 0x01;  // STUN
        break;
      case 1:
        bytes[0] = 22, bytes[1] = 254, bytes[2] = 253;  // DTLS
        break;
      case 2:
        bytes[0] = 0x80, bytes[1] = 203;  // RTCP BYE
        break;
      case 3:
        bytes[0] = 0x80, bytes[1] = 0;
        break;
      default:
        break;
    }
    send(to, {bytes.data(), size});
  }
  uint64_t bled = 0, sent = 0;

 private:
  Site& site_;
  uint8_t id_;
  uint32_t count_ = 0;
  std::unique_ptr<io::UdpSocket> socket_;
};

struct Victim {
  Guard guard;
  AnchorInfo leg, peer;
  std::unique_ptr<Talker> talker, listener;
};

class Siege {
 public:
  explicit Siege(const Plan& plan)
      : plan_(plan), site_(plan.tier, plan.seed), node_(site_, 20000), timer_(site_.loop()) {
    for (Guard guard : guards) add(guard);
    for (uint8_t i = 0; i < 16; ++i) {
      const uint8_t net = static_cast<uint8_t>(10 + i);
      strangers_.push_back(std::make_unique<Attacker>(site_, static_cast<uint8_t>(first_attacker + i),
                                                      *parse_ip(fmt::format("127.{}.0.{}", net, i + 2))));
    }
  }

  int run() {
    // Before the telephones speak: what scans ports, hoping to be taken for one of them.
    for (int i = 0; i < 20; ++i) {
      for (const Victim& victim : victims_) {
        if (victim.guard == Guard::contested) continue;
        stranger().inject(at(victim), 2);
        stranger().junk(at(victim));
      }
      site_.run_for(20ms);
    }
    stranger().inject(at(victims_.back()), 8);
    for (const Victim& victim : victims_) {
      victim.listener->talk_to(victim.peer.streams[0].outer);
      victim.talker->talk_to(at(victim));
    }
    site_.run_for(3s);  // in the kernel, where there is one
    for (uint32_t i = 0; i < plan_.count * 5; ++i) {
      for (Victim& victim : victims_) attack(victim, i);
      site_.run_for(spray_every);
      was_in_kernel_ = was_in_kernel_ || node_.is_in_kernel(at(victims_[0]).port);
    }
    site_.run_for(500ms);
    int worst = 0;
    for (const Victim& victim : victims_) worst = std::max(worst, judge(victim));
    uint64_t bled = 0, sent = 0;
    for (const auto& one : strangers_) {
      bled += one->bled;
      sent += one->sent;
    }
    std::string fault;
    if (bled > bleed_max[static_cast<size_t>(Guard::contested)]) fault = "strangers were sent to";
    return std::max(worst,
                    tell(fmt::format("{} {} packets of {} strangers: {} came back{}", to_string(plan_.tier), sent,
                                     strangers_.size(), bled, was_in_kernel_ ? ", past the kernel's flows" : ""),
                         fault));
  }

 private:
  static const Endpoint& at(const Victim& victim) { return victim.leg.streams[0].outer; }
  Attacker& stranger() { return *strangers_[site_.random(static_cast<uint32_t>(strangers_.size()))]; }

  void add(Guard guard) {
    const auto number = static_cast<uint8_t>(victims_.size());
    Victim victim{.guard = guard};
    std::optional<SrtpKeys> keys;
    if (guard == Guard::srtp) {
      const auto send = srtp::MasterKey::random(srtp::Suite::aes_cm_128_hmac_sha1_80);
      const auto receive = srtp::MasterKey::random(srtp::Suite::aes_cm_128_hmac_sha1_80);
      keys = SrtpKeys{.send = *send, .receive = *receive};
    }
    victim.talker = std::make_unique<Talker>(
        site_, Talker::Options{.id = static_cast<uint8_t>(number * 2 + 1), .keys = keys, .keeps_sent = true}, dropped_);
    victim.listener =
        std::make_unique<Talker>(site_, Talker::Options{.id = static_cast<uint8_t>(number * 2 + 2)}, dropped_);
    victim.leg = allocate(fmt::format("leg{}", number));
    victim.peer = allocate(fmt::format("peer{}", number));
    // What is behind NAT does not know its own address, or not its port.
    Endpoint told = victim.talker->local();
    if (guard == Guard::nat) told = {*parse_ip("127.200.0.1"), 4000};
    if (guard == Guard::contested) told.port = 4000;
    Remote remote{.rtp = told, .formats = telephone_formats(), .srtp = keys};
    if (guard == Guard::nat || guard == Guard::contested) remote.source.mode = SourceRule::Mode::learn;
    site_.order(node_.control().set_remote(victim.leg.id, Side::outer, remote));
    site_.order(node_.control().set_remote(victim.peer.id, Side::outer,
                                           {.rtp = victim.listener->local(), .formats = telephone_formats()}));
    site_.order(node_.control().connect(victim.leg.id, {.kind = Path::Kind::bridge, .peer = victim.peer.id}));
    victims_.push_back(std::move(victim));
  }

  AnchorInfo allocate(std::string leg) {
    AllocateRequest request;
    request.leg = leg;
    request.call = std::move(leg);
    return node_.allocate(std::move(request));
  }

  void attack(Victim& victim, uint32_t turn) {
    const Endpoint to = at(victim);
    stranger().inject(to, 1 + site_.random(8));
    stranger().junk(to);
    stranger().junk({to.address, static_cast<uint16_t>(to.port + 1)});
    // Another call's telephone, which knows its own numbers only.
    const Victim& other = victims_[(static_cast<size_t>(victim.guard) + 1) % victims_.size()];
    other.talker->replay_to(to, turn);
    // What was said before, from a stranger and from the right address.
    if (const auto* said = victim.talker->sent_before(turn)) stranger().send(to, *said);
    victim.talker->replay_to(to, turn);
    if (turn % 7 != 0) return;
    // Out of the telephone's own mouth, as who can forge its address would: an SSRC that was never heard, or no SRTP.
    const auto payload = write_frame({first_attacker, turn + 1}, 0);
    std::array<uint8_t, 172> bytes;
    rtp::write_packet(bytes, {.sequence = static_cast<uint16_t>(site_.random(65536)),
                              .timestamp = site_.random(~0u),
                              .ssrc = victim.guard == Guard::srtp ? victim.talker->ssrc() : site_.random(~0u),
                              .payload = payload});
    victim.talker->send_raw(to, bytes);
  }

  int judge(const Victim& victim) {
    const uint8_t id = victim.talker->options().id;
    uint32_t injected = 0, lost = 0, doubled = 0, last = 0;
    std::map<uint32_t, uint32_t> times;
    for (const auto& one : victim.listener->heard) {
      if (one.frame.number == 0) continue;
      if (one.frame.speaker == id)
        ++times[one.frame.number];
      else
        ++injected;
    }
    if (!times.empty()) last = times.rbegin()->first;
    for (uint32_t number = times.empty() ? 0 : times.begin()->first; number < last; ++number) {
      const auto found = times.find(number);
      if (found == times.end())
        ++lost;
      else
        doubled += found->second - 1;
    }
    const bool is_alive = last + 60 > victim.talker->said() && !victim.talker->heard.empty();
    std::string fault;
    if (injected > bleed_max[static_cast<size_t>(victim.guard)]) fault = "injected packets were heard";
    if (doubled > 0) fault = "replayed packets were heard";
    if (lost > 0) fault = "the talk lost packets";
    if (!is_alive) fault = "the talk has ended";
    const std::string who = guard_names[static_cast<size_t>(victim.guard)];
    return tell(fmt::format("{} {:14} leg: {} of its frames heard, {} lost, {} heard twice, {} injected",
                            to_string(plan_.tier), who, times.size(), lost, doubled, injected),
                fault);
  }

  const Plan& plan_;
  Site site_;
  MediaNode node_;
  io::Timer timer_;
  Dropped dropped_;
  std::vector<Victim> victims_;
  std::vector<std::unique_ptr<Attacker>> strangers_;
  bool was_in_kernel_ = false;
};

}  // namespace

int run_attacks(const Plan& plan) {
  Siege siege(plan);
  return siege.run();
}

}  // namespace nearend::media::test
