#include "io/cares_dns.hpp"

#include <ares.h>
#include <arpa/nameser.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "base/text.hpp"
#include "io/async.hpp"
#include "io/dns_answer.hpp"

namespace nearend::io {
namespace {

using Records = std::vector<DnsRecord>;
using Answer = Result<Records>;

constexpr size_t cached_max = 10'000;
constexpr std::chrono::seconds negative_kept{5};
constexpr std::chrono::seconds positive_kept_max{3600};

int query_type(DnsRecord::Type type) {
  switch (type) {
    case DnsRecord::Type::a:
      return ns_t_a;
    case DnsRecord::Type::aaaa:
      return ns_t_aaaa;
    case DnsRecord::Type::srv:
      return ns_t_srv;
    case DnsRecord::Type::naptr:
      return ns_t_naptr;
  }
  return ns_t_a;
}

std::string_view trimmed_name(std::string_view name) {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

Records of_type(const Records& records, DnsRecord::Type type) {
  Records wanted;
  std::copy_if(records.begin(), records.end(), std::back_inserter(wanted),
               [type](const DnsRecord& record) { return record.type == type; });
  return wanted;
}

std::string read_file(const std::string& name) {
  std::ifstream file(name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

class CaresDns::Core {
 public:
  Core(AsioLoop& loop, DnsSettings settings) : loop_(loop), alarm_(loop) {
    if (!settings.hosts_file.empty()) fixed_ = parse_hosts(read_file(settings.hosts_file));
    ares_library_init(ARES_LIB_INIT_ALL);
    ares_options options{};
    options.timeout = static_cast<int>(settings.timeout.count());
    options.tries = settings.tries;
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = this;
    const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&channel_, &options, mask) != ARES_SUCCESS) channel_ = nullptr;
    if (channel_ && !settings.servers.empty()) ares_set_servers_ports_csv(channel_, settings.servers.c_str());
  }
  ~Core() {
    if (channel_) ares_destroy(channel_);
    ares_library_cleanup();
  }

  void set_records(std::string name, Records records) { fixed_[to_lower(trimmed_name(name))] = std::move(records); }

  /// What is known without asking anybody.
  std::optional<Answer> known(const std::string& name, DnsRecord::Type type) {
    if (auto address = parse_ip(name)) {
      const auto own = address->is_v6() ? DnsRecord::Type::aaaa : DnsRecord::Type::a;
      return Answer(of_type({{.type = own, .ttl_s = 3600, .address = *address}}, type));
    }
    if (const auto fixed = fixed_.find(name); fixed != fixed_.end()) return Answer(of_type(fixed->second, type));
    const auto cached = cache_.find(key_of(name, type));
    if (cached == cache_.end()) return std::nullopt;
    if (loop_.now() < cached->second.expires) return cached->second.answer;
    cache_.erase(cached);
    return std::nullopt;
  }

  void ask(const std::string& name, DnsRecord::Type type, const Reply<Answer>& reply) {
    if (!channel_) return reply.set(fail(Error::Kind::internal, "the resolver could not be started"));
    const std::string key = key_of(name, type);
    auto& waiting = waiting_[key];
    waiting.push_back(reply);
    if (waiting.size() > 1) return;
    ares_query(channel_, name.c_str(), ns_c_in, query_type(type), on_answer, new Question{this, name, type});
    set_alarm();
  }

 private:
  struct Question {
    Core* core;
    std::string name;
    DnsRecord::Type type;
  };
  struct Cached {
    Answer answer;
    Instant expires;
  };

  static std::string key_of(const std::string& name, DnsRecord::Type type) {
    return fmt::format("{}/{}", name, static_cast<int>(type));
  }

  static void on_socket_state(void* self, ares_socket_t descriptor, int readable, int writable) {
    auto* core = static_cast<Core*>(self);
    if (!readable && !writable) return core->loop_.unwatch(descriptor);
    core->loop_.watch(descriptor, {readable != 0, writable != 0}, [core, descriptor](Readiness ready) {
      ares_process_fd(core->channel_, ready.is_readable ? descriptor : ARES_SOCKET_BAD,
                      ready.is_writable ? descriptor : ARES_SOCKET_BAD);
      core->set_alarm();
    });
  }

  static void on_answer(void* argument, int status, int, unsigned char* bytes, int size) {
    const std::unique_ptr<Question> question(static_cast<Question*>(argument));
    Answer answer = read_answer(*question, status, {bytes, static_cast<size_t>(std::max(size, 0))});
    Core& core = *question->core;
    core.remember(*question, answer);
    auto waiting = core.waiting_.extract(key_of(question->name, question->type));
    if (waiting.empty()) return;
    for (const auto& reply : waiting.mapped()) reply.set(answer);
  }

  static Answer read_answer(const Question& question, int status, std::span<const uint8_t> message) {
    switch (status) {
      case ARES_SUCCESS:
        return parse_dns_answer(message, question.type);
      case ARES_ENODATA:
        return Records{};
      case ARES_ENOTFOUND:
        return fail(Error::Kind::not_found, "the name '{}' does not exist", question.name);
      case ARES_ETIMEOUT:
        return fail(Error::Kind::timeout, "no name server answered for '{}'", question.name);
      case ARES_EBADNAME:
        return fail(Error::Kind::invalid, "'{}' is not a host name", question.name);
      default:
        return fail(Error::Kind::unavailable, "asking for '{}': {}", question.name, ares_strerror(status));
    }
  }

  void remember(const Question& question, const Answer& answer) {
    std::chrono::seconds kept = negative_kept;
    if (!answer && answer.error().kind != Error::Kind::not_found) return;
    if (answer && !answer->empty()) {
      kept = positive_kept_max;
      for (const DnsRecord& record : *answer) kept = std::min(kept, std::chrono::seconds(record.ttl_s));
    }
    if (kept.count() == 0) return;
    if (cache_.size() >= cached_max) cache_.clear();
    cache_.insert_or_assign(key_of(question.name, question.type), Cached{answer, loop_.now() + kept});
  }

  void set_alarm() {
    timeval most{.tv_sec = 3600};
    timeval next{};
    const timeval* wait = ares_timeout(channel_, &most, &next);
    if (wait->tv_sec >= most.tv_sec) return alarm_.stop();
    alarm_.start(std::chrono::seconds(wait->tv_sec) + std::chrono::microseconds(wait->tv_usec), [this] {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      set_alarm();
    });
  }

  AsioLoop& loop_;
  Timer alarm_;
  ares_channel channel_ = nullptr;
  std::unordered_map<std::string, Records> fixed_;
  std::unordered_map<std::string, Cached> cache_;
  std::unordered_map<std::string, std::vector<Reply<Answer>>> waiting_;

  friend class CaresDns;
};

CaresDns::CaresDns(AsioLoop& loop, DnsSettings settings) : core_(std::make_unique<Core>(loop, std::move(settings))) {}
CaresDns::~CaresDns() = default;

void CaresDns::set_records(std::string name, std::vector<DnsRecord> records) {
  core_->set_records(std::move(name), std::move(records));
}

Task<Result<std::vector<DnsRecord>>> CaresDns::query(std::string name, DnsRecord::Type type) {
  const std::string plain = to_lower(trimmed_name(name));
  if (auto known = core_->known(plain, type)) co_return std::move(*known);
  Reply<Answer> reply(core_->loop_);
  core_->ask(plain, type, reply);
  auto answer = co_await reply.wait();
  co_return std::move(*answer);
}

}  // namespace nearend::io
