#include <sys/socket.h>
#include <unistd.h>

#include "base/text.hpp"
#include "http/curl_pool.hpp"
#include "io/socket_address.hpp"

namespace nearend::http {
namespace {

constexpr size_t header_bytes_max = 64 * 1024;

}  // namespace

CurlTransfer::CurlTransfer(io::AsioLoop& loop, const CurlSettings& settings, Request request, Url url,
                           const std::vector<IpAddress>& addresses)
    : request_(std::move(request)),
      url_(std::move(url)),
      sent_url_(url_.to_string()),
      handle_(curl_easy_init()),
      reading_(loop),
      reply_(loop) {
  set_options(settings);
  set_addresses(addresses);
  set_headers();
  set_body();
}

CurlTransfer::~CurlTransfer() {
  if (multi_) curl_multi_remove_handle(multi_, handle_);
  curl_easy_cleanup(handle_);
  curl_slist_free_all(header_list_);
  curl_slist_free_all(resolve_list_);
}

void CurlTransfer::set_options(const CurlSettings& settings) {
  const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(handle_, option, value); };
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, message_);
  set(CURLOPT_URL, sent_url_.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_USERAGENT, settings.user_agent.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request_.total_timeout.count()));
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(settings.idle_max.count()));
  if (!settings.ca_file.empty()) set(CURLOPT_CAINFO, settings.ca_file.c_str());
  if (!settings.certificate_file.empty()) {
    set(CURLOPT_SSLCERT, settings.certificate_file.c_str());
    set(CURLOPT_SSLKEY, settings.key_file.c_str());
  }
  set(CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::on_open_socket);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_PREREQFUNCTION, &CurlTransfer::on_request);
  set(CURLOPT_PREREQDATA, this);
}

/// The answer is valid for this request only: the next one brings its own.
void CurlTransfer::set_addresses(const std::vector<IpAddress>& addresses) {
  if (parse_ip(url_.host)) return;
  std::string entry = fmt::format("+{}:{}:", url_.host, url_.effective_port());
  for (const IpAddress& address : addresses) {
    if (!entry.ends_with(':')) entry += ',';
    entry += address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  }
  resolve_list_ = curl_slist_append(nullptr, entry.c_str());
  curl_easy_setopt(handle_, CURLOPT_RESOLVE, resolve_list_);
}

void CurlTransfer::set_headers() {
  const auto add = [this](const std::string& line) { header_list_ = curl_slist_append(header_list_, line.c_str()); };
  for (const auto& [name, value] : request_.headers) add(value.empty() ? name + ";" : name + ": " + value);
  add("Expect:");
  if (find_header(request_.headers, "Content-Type").empty()) add("Content-Type:");
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, header_list_);
}

void CurlTransfer::set_body() {
  if (request_.method == "HEAD") {
    curl_easy_setopt(handle_, CURLOPT_NOBODY, 1L);
  } else if (request_.method != "GET" || !request_.body.empty()) {
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

size_t CurlTransfer::on_header(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::string_view line(data, size * count);
  transfer.watch_reading();
  transfer.header_bytes_ += line.size();
  if (transfer.header_bytes_ > header_bytes_max) {
    transfer.is_body_refused_ = true;
    return 0;
  }
  const size_t colon = line.find(':');
  if (line.starts_with("HTTP/"))
    transfer.response_.headers.clear();  // A final answer after an interim one.
  else if (colon != std::string_view::npos)
    transfer.response_.headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  return line.size();
}

size_t CurlTransfer::on_body(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.watch_reading();
  if (transfer.response_.body.size() + size * count > transfer.request_.body_limit) {
    transfer.is_body_refused_ = true;
    return 0;
  }
  transfer.response_.body.append(data, size * count);
  return size * count;
}

/// Threat TH19: the address that is connected to is the one that is checked; there is no second look-up.
curl_socket_t CurlTransfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  if (!transfer.request_.may_reach_internal && io::endpoint_of(address->addr).address.is_internal()) {
    transfer.is_address_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int CurlTransfer::on_request(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.is_connected_ = true;
  transfer.watch_reading();
  return CURL_PREREQFUNC_OK;
}

void CurlTransfer::watch_reading() {
  if (request_.read_timeout.count() == 0) return;
  reading_.start(request_.read_timeout, [this] {
    is_reading_late_ = true;
    reply_.set(std::unexpected(to_error(CURLE_OPERATION_TIMEDOUT)));
  });
}

void CurlTransfer::finish(CURLcode code) {
  reading_.stop();
  if (code != CURLE_OK) return reply_.set(std::unexpected(to_error(code)));
  long status = 0;
  curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  reply_.set(std::move(response_));
}

Error CurlTransfer::to_error(CURLcode code) const {
  const std::string host = url_.authority();
  if (is_address_refused_) return {Error::Kind::refused, fmt::format("'{}' is an internal address", host)};
  if (is_body_refused_)
    return {Error::Kind::unsupported,
            fmt::format("the answer of {} is larger than {} bytes", host, request_.body_limit)};
  if (is_reading_late_)
    return {Error::Kind::timeout, fmt::format("no byte from {} in {} ms", host, request_.read_timeout.count())};
  const std::string why = fmt::format("{}: {}", host, message_[0] ? message_ : curl_easy_strerror(code));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {is_connected_ ? Error::Kind::timeout : Error::Kind::unavailable, why};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {Error::Kind::invalid, why};
    default:
      break;
  }
  return {header_bytes_ > 0 || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL
              ? Error::Kind::malformed
              : Error::Kind::unavailable,
          why};
}

}  // namespace nearend::http
