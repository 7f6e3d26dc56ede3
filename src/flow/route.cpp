#include "flow/route.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace nearend::flow {
namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

struct Question {
  nlmsghdr head{};
  rtmsg route{};
  std::array<uint8_t, 64> attributes{};

  void add(uint16_t type, const IpAddress& address) {
    const size_t size = address.is_v6() ? 16 : 4;
    rtattr attribute{.rta_len = static_cast<uint16_t>(RTA_LENGTH(size)), .rta_type = type};
    uint8_t* at = attributes.data() + (head.nlmsg_len - NLMSG_LENGTH(sizeof(route)));
    std::memcpy(at, &attribute, sizeof(attribute));
    std::memcpy(at + RTA_LENGTH(0), address.bytes().data(), size);
    head.nlmsg_len += RTA_ALIGN(attribute.rta_len);
  }
};

Result<Route> read_answer(const nlmsghdr& head, const IpAddress& to) {
  const auto* message = static_cast<const rtmsg*>(NLMSG_DATA(&head));
  Route route{.is_local = message->rtm_type == RTN_LOCAL, .next_hop = to};
  if (message->rtm_type != RTN_LOCAL && message->rtm_type != RTN_UNICAST)
    return fail(Error::Kind::unavailable, "{} is no unicast destination", to.to_string());
  auto size = static_cast<int>(RTM_PAYLOAD(&head));
  for (const auto* one = RTM_RTA(message); RTA_OK(one, size); one = RTA_NEXT(one, size)) {
    const auto* bytes = static_cast<const uint8_t*>(RTA_DATA(one));
    if (one->rta_type == RTA_OIF) std::memcpy(&route.device, bytes, sizeof(route.device));
    if (one->rta_type == RTA_GATEWAY) route.next_hop = IpAddress::from_bytes(to.family(), bytes);
    if (one->rta_type == RTA_PREFSRC) route.source = IpAddress::from_bytes(to.family(), bytes);
    if (one->rta_type == RTA_VIA)
      return fail(Error::Kind::unsupported, "{} is reached over the other family", to.to_string());
  }
  return route;
}

}  // namespace

Result<Route> find_route(const IpAddress& to, const IpAddress& from) {
  const Descriptor netlink{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (netlink.number < 0) return fail(Error::Kind::internal, "no netlink socket: {}", std::strerror(errno));
  Question question;
  question.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg)), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST};
  question.route.rtm_family = to.is_v6() ? AF_INET6 : AF_INET;
  question.route.rtm_dst_len = to.is_v6() ? 128 : 32;
  question.add(RTA_DST, to);
  if (!from.is_unspecified() && from.family() == to.family()) {
    question.route.rtm_src_len = question.route.rtm_dst_len;
    question.add(RTA_SRC, from);
  }
  alignas(nlmsghdr) std::array<uint8_t, 2048> answer;
  ssize_t size = ::send(netlink.number, &question, question.head.nlmsg_len, 0);
  if (size >= 0) size = ::recv(netlink.number, answer.data(), answer.size(), 0);
  const auto* head = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (size < 0 || !NLMSG_OK(head, static_cast<size_t>(size)))
    return fail(Error::Kind::internal, "the routing table did not answer: {}", std::strerror(errno));
  if (head->nlmsg_type != RTM_NEWROUTE) return fail(Error::Kind::unavailable, "no route to {}", to.to_string());
  return read_answer(*head, to);
}

}  // namespace nearend::flow
