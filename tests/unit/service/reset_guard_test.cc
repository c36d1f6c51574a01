// What the guard reads in gRPC's record of connections. That it cuts whom it should, and nobody else, is shown with a real
// server by e2e_hostile_clients_test.
#include "server/service/reset_guard.h"

#include <gtest/gtest.h>

namespace eventstore::service {
namespace {

constexpr char kSocket[] =
    R"({"socket":{"data":{"messagesReceived":"6","streamsStarted":"5000","streamsSucceeded":"1200",
  "streamsFailed":"300"},"local":{"tcpip_address":{"ip_address":"fwAAAQ==","port":35231}},"ref":{"name":"chttp2
  ipv4:127.0.0.1:59760","socketId":"4"},"remote":{"tcpip_address":{"ip_address":"wAACBw==","port":59760}}}})";

TEST(ResetGuard, ReadsWhatAConnectionHolds) {
  const HeldCalls held = CallsHeldBySocket(kSocket);
  EXPECT_EQ(held.calls, 3500);
  EXPECT_EQ(observability::Text(held.peer), "192.0.2.7:59760");
}

TEST(ResetGuard, LeftOutIsNone) {
  const HeldCalls held = CallsHeldBySocket(
      R"({"socket":{"data":{"streamsStarted":"7"},"remote":{"tcpip_address":{"ip_address":"IAENuAAAAAAAAAAAAAAAAQ==","port":1}}}})");
  EXPECT_EQ(held.calls, 7);
  EXPECT_EQ(observability::Text(held.peer), "[2001:db8::1]:1");
}

TEST(ResetGuard, WhatCannotBeReadHoldsNothing) {
  for (const char* text :
       {"", "{", "[]", "null", R"({"socket":7})", R"({"socket":{"data":{"streamsStarted":"many"}}})",
        R"({"socket":{"data":{"streamsStarted":"9"},"remote":{"uds_address":{"filename":"x"}}}})",
        R"({"socket":{"data":{"streamsStarted":"9"},"remote":{"tcpip_address":{"ip_address":"%%"}}}})"}) {
    const HeldCalls held = CallsHeldBySocket(text);
    EXPECT_TRUE(held.peer.address.empty()) << text;
    EXPECT_EQ(CallsBegun(text), 0) << text;
  }
}

TEST(ResetGuard, AddsTheServersUp) {
  EXPECT_EQ(CallsBegun(R"({"end":true,"server":[{"data":{"callsStarted":"107470"},"ref":{"serverId":"1"}},
    {"data":{"callsStarted":"30"},"ref":{"serverId":"9"}},{"data":{},"ref":{"serverId":"11"}}]})"),
            107'500);
}

}  // namespace
}  // namespace eventstore::service
