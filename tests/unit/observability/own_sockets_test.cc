#include "server/observability/own_sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

namespace eventstore::observability {
namespace {

// A listening socket of IPv6 that takes IPv4, too, and two connections to it: both ends are this process's.
class OwnSocketsTest : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = socket(AF_INET6, SOCK_STREAM, 0);
    const int off = 0;
    setsockopt(listener_, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0) {
      GTEST_SKIP() << "no IPv6 here; not tried: connections found by their port, IPv4 addresses within IPv6";
    }
    ASSERT_EQ(listen(listener_, 4), 0);
    socklen_t size = sizeof(any);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size);
    port_ = ntohs(any.sin6_port);
    for (int i = 0; i < 2; ++i) {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(static_cast<std::uint16_t>(port_));
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      clients_.push_back(socket(AF_INET, SOCK_STREAM, 0));
      ASSERT_EQ(connect(clients_.back(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
      accepted_.push_back(accept(listener_, nullptr, nullptr));
      sockaddr_in own{};
      size = sizeof(own);
      getsockname(clients_.back(), reinterpret_cast<sockaddr*>(&own), &size);
      ports_.insert(ntohs(own.sin_port));
    }
  }

  void TearDown() override {
    for (const int socket : clients_) close(socket);
    for (const int socket : accepted_) close(socket);
    close(listener_);
  }

  int listener_ = -1;
  int port_ = 0;
  std::vector<int> clients_, accepted_;
  std::set<int> ports_;
};

TEST_F(OwnSocketsTest, FindsTheServersEndsOnly) {
  std::set<int> found;
  ForEachConnection(port_, [&](const OwnSocket& socket) {
    EXPECT_EQ(Text(socket.peer), "127.0.0.1:" + std::to_string(socket.peer.port));
    EXPECT_TRUE(found.insert(socket.peer.port).second);
  });
  EXPECT_EQ(found, ports_);
}

TEST_F(OwnSocketsTest, CuttingOneLeavesTheOther) {
  const int cut = *ports_.begin();
  ForEachConnection(port_, [&](const OwnSocket& socket) {
    if (socket.peer.port == cut) shutdown(socket.descriptor, SHUT_RDWR);
  });
  int ended = 0;
  for (const int client : clients_) {
    char byte = 0;
    if (recv(client, &byte, 1, MSG_DONTWAIT) == 0) ++ended;
  }
  EXPECT_EQ(ended, 1);
}

TEST(OwnSockets, NoneOfAnotherPort) {
  ForEachConnection(1, [](const OwnSocket& socket) { ADD_FAILURE() << Text(socket.peer); });
}

}  // namespace
}  // namespace eventstore::observability
