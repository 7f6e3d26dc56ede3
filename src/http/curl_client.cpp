#include "http/curl_client.hpp"

#include <algorithm>
#include <map>

#include "http/curl_pool.hpp"
#include "http/resolve.hpp"
#include "http/url.hpp"

namespace nearend::http {

CurlPool::CurlPool(io::AsioLoop& loop, const CurlSettings& settings)
    : loop_(loop), timer_(loop), multi_(curl_multi_init()), last_used_(loop.now()) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlPool::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlPool::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(settings.connections_per_host_max));
}

CurlPool::~CurlPool() {
  curl_multi_cleanup(multi_);
}

Result<void> CurlPool::add(CurlTransfer& transfer) {
  last_used_ = loop_.now();
  if (const CURLMcode code = curl_multi_add_handle(multi_, transfer.handle()); code != CURLM_OK)
    return fail(Error::Kind::internal, "starting a request: {}", curl_multi_strerror(code));
  transfer.set_multi(multi_);
  ++transfers_;
  return {};
}

int CurlPool::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& pool = *static_cast<CurlPool*>(self);
  if (what == CURL_POLL_REMOVE) {
    pool.loop_.unwatch(socket);
    return 0;
  }
  const io::Readiness wanted{(what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0};
  pool.loop_.watch(socket, wanted, [&pool, socket](io::Readiness ready) {
    pool.act(socket, (ready.is_readable ? CURL_CSELECT_IN : 0) | (ready.is_writable ? CURL_CSELECT_OUT : 0));
  });
  return 0;
}

int CurlPool::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& pool = *static_cast<CurlPool*>(self);
  if (timeout_ms < 0)
    pool.timer_.stop();
  else
    pool.timer_.start(std::chrono::milliseconds(timeout_ms), [&pool] { pool.act(CURL_SOCKET_TIMEOUT, 0); });
  return 0;
}

void CurlPool::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CurlTransfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->finish(message->data.result);
  }
}

class CurlClient::Pools {
 public:
  Pools(io::AsioLoop& on, io::Dns& by, CurlSettings with) : loop(on), dns(by), settings(std::move(with)) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)initialised;
  }

  CurlPool& of(const Request& request) {
    const std::string key = (request.may_reach_internal ? "1" : "0") + request.pool;
    auto& pool = pools_[key];
    if (!pool) {
      pool = std::make_unique<CurlPool>(loop, settings);
      close_idle(pool.get());
    }
    return *pool;
  }

  io::AsioLoop& loop;
  io::Dns& dns;
  const CurlSettings settings;

 private:
  void close_idle(const CurlPool* kept) {
    while (pools_.size() > settings.pools_max) {
      auto oldest = pools_.end();
      for (auto each = pools_.begin(); each != pools_.end(); ++each)
        if (each->second.get() != kept && each->second->transfers() == 0 &&
            (oldest == pools_.end() || each->second->last_used() < oldest->second->last_used()))
          oldest = each;
      if (oldest == pools_.end()) return;
      pools_.erase(oldest);
    }
  }
  std::map<std::string, std::unique_ptr<CurlPool>> pools_;
};

namespace {

constexpr std::chrono::milliseconds least_timeout{1};  // To libcurl, 0 would mean its own default.

bool is_safe(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

/// Threat TH18: nothing that could end a line goes out.
Result<Url> check_request(const Request& request) {
  auto url = parse_url(request.url);
  if (!url) return fail(Error::Kind::invalid, "{}", url.error().text);
  if (url->scheme != "http" && url->scheme != "https")
    return fail(Error::Kind::invalid, "URL scheme '{}' is not http or https", url->scheme);
  if (request.method.empty() || !is_safe(request.method) || request.method.find(' ') != std::string::npos)
    return fail(Error::Kind::invalid, "the method is not one word");
  for (const auto& [name, value] : request.headers)
    if (name.empty() || name.find(':') != std::string::npos || !is_safe(name) || !is_safe(value))
      return fail(Error::Kind::invalid, "request header '{}' has a line end or no name", name.substr(0, 64));
  return url;
}

/// Tells the pool that a transfer has left, however its coroutine ends.
struct Leave {
  CurlPool& pool;
  ~Leave() { pool.end_transfer(); }
};

}  // namespace

CurlClient::CurlClient(io::AsioLoop& loop, io::Dns& dns, CurlSettings settings)
    : pools_(std::make_unique<Pools>(loop, dns, std::move(settings))) {}
CurlClient::~CurlClient() = default;

Task<Result<Response>> CurlClient::send(Request request) {
  auto url = check_request(request);
  if (!url) co_return pass(url);
  io::AsioLoop& loop = pools_->loop;
  const io::Instant begun = loop.now();
  const auto most = std::min(request.connect_timeout, request.total_timeout);
  auto addresses = co_await resolve_host(loop, pools_->dns, url->host, begun + most);
  if (!addresses) co_return pass(addresses);
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(loop.now() - begun);
  request.connect_timeout = std::max(request.connect_timeout - spent, least_timeout);
  request.total_timeout = std::max(request.total_timeout - spent, least_timeout);
  CurlPool& pool = pools_->of(request);
  CurlTransfer transfer(loop, pools_->settings, std::move(request), std::move(*url), *addresses);
  if (auto added = pool.add(transfer); !added) co_return pass(added);
  const Leave leave{pool};
  auto outcome = co_await transfer.reply().wait();
  co_return std::move(*outcome);
}

}  // namespace nearend::http
