#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <vector>

#include "http/curl_client.hpp"
#include "http/url.hpp"
#include "io/async.hpp"

namespace nearend::http {

/// One request under way: its handle, what has come back, and the reply its coroutine waits for. It takes itself off
/// its pool.
class CurlTransfer {
 public:
  using Outcome = Result<Response>;
  /// `url` is request.url, parsed; `addresses` are its host's.
  CurlTransfer(io::AsioLoop& loop, const CurlSettings& settings, Request request, Url url,
               const std::vector<IpAddress>& addresses);
  CurlTransfer(const CurlTransfer&) = delete;
  ~CurlTransfer();

  CURL* handle() const { return handle_; }
  io::Reply<Outcome>& reply() { return reply_; }
  /// Called by the pool when libcurl has ended it.
  void finish(CURLcode code);
  void set_multi(CURLM* multi) { multi_ = multi; }

 private:
  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_request(void* self, char*, char*, int, int);
  void set_options(const CurlSettings& settings);
  void set_addresses(const std::vector<IpAddress>& addresses);
  void set_body();
  void set_headers();
  void watch_reading();
  Error to_error(CURLcode code) const;

  Request request_;
  Url url_;
  std::string sent_url_;
  CURL* handle_;
  CURLM* multi_ = nullptr;
  curl_slist* header_list_ = nullptr;
  curl_slist* resolve_list_ = nullptr;
  char message_[CURL_ERROR_SIZE] = {};
  Response response_;
  size_t header_bytes_ = 0;
  bool is_connected_ = false;
  bool is_address_refused_ = false;
  bool is_body_refused_ = false;
  bool is_reading_late_ = false;
  io::Timer reading_;
  io::Reply<Outcome> reply_;
};

/// The connections of one pool: a libcurl multi handle driven by the loop.
class CurlPool {
 public:
  CurlPool(io::AsioLoop& loop, const CurlSettings& settings);
  CurlPool(const CurlPool&) = delete;
  ~CurlPool();
  Result<void> add(CurlTransfer& transfer);
  void end_transfer() { --transfers_; }
  size_t transfers() const { return transfers_; }
  io::Instant last_used() const { return last_used_; }

 private:
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long timeout_ms, void* self);
  void act(curl_socket_t socket, int events);

  io::AsioLoop& loop_;
  io::Timer timer_;
  CURLM* multi_;
  size_t transfers_ = 0;
  io::Instant last_used_;
};

}  // namespace nearend::http
