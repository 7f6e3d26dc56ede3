#include "lab/babbler.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace nearend::lab {
namespace {

constexpr int look_ms = 50;  // how soon it notices that it is to stop
constexpr size_t clients_max = 256;

std::string whole(std::string_view body, int status = 200) {
  return fmt::format("HTTP/1.1 {} Hm\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
                     body.size(), body);
}

std::vector<std::string> garbage() {
  return {
      std::string("\x00\xff\x16\x03 not a protocol of this world\r\n\r\n", 36),
      whole(R"({"routers":[{"name":"us-router","uri":)"),
      whole(R"({"routers":7,"hops":"many","region":{},"local":"perhaps"})"),
      whole(R"({"routers":[{"name":"nobody","region":"moon","uri":"sip:203.0.113.9:5070;transport=tcp"}],)"
            R"("hops":[{"gateway":"nobody","region":"moon","uri":"sip:203.0.113.9:5070;transport=tcp"}],)"
            R"("region":"moon","local":true,"reason":"why not"})"),
      "",
      "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n{\"routers\":[",
      whole(R"({"error":"out of order"})", 500),
      whole("[]"),
      whole(std::string(300'000, '[')),
  };
}

}  // namespace

Result<std::unique_ptr<Babbler>> Babbler::start(const Wan& wan, SiteId site, uint16_t port) {
  std::unique_ptr<Babbler> made(new Babbler);
  int error = 0;
  wan.net(site).run([&] {
    made->listener_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(made->listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    if (::bind(made->listener_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(made->listener_.get(), 64) != 0)
      error = errno;
  });
  if (error != 0) return fail(Error::Kind::internal, "port {} of {}: {}", port, wan.name(site), std::strerror(error));
  made->thread_ = std::thread([self = made.get()] { self->run(); });
  return made;
}

Babbler::~Babbler() {
  is_stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

bool Babbler::answer(int client) {
  static const std::vector<std::string> all = garbage();
  std::array<char, 4096> heard;
  if (::recv(client, heard.data(), heard.size(), MSG_DONTWAIT) <= 0) return false;
  const std::string& text = all[answered_++ % all.size()];
  return !text.empty() && ::send(client, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

void Babbler::run() {
  while (!is_stopping_) {
    std::vector<pollfd> wanted{{listener_.get(), POLLIN, 0}};
    for (const Descriptor& client : clients_) wanted.push_back({client.get(), POLLIN, 0});
    if (::poll(wanted.data(), wanted.size(), look_ms) <= 0) continue;
    for (size_t i = wanted.size() - 1; i > 0; --i)
      if (wanted[i].revents != 0 && !answer(wanted[i].fd))
        clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i) - 1);
    if (wanted[0].revents == 0) continue;
    Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client && clients_.size() < clients_max) clients_.push_back(std::move(client));
  }
}

}  // namespace nearend::lab
