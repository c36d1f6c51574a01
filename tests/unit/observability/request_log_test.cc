#include "server/observability/request_log.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"

namespace eventstore::observability {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::Pair;

constexpr int kOk = 0;
constexpr int kCancelled = 1;
constexpr int kAborted = 10;
constexpr int kInternal = 13;

struct Line {
  spdlog::level::level_enum level;
  std::string message;
  LogFields fields;
};

class RequestLogTest : public ::testing::Test {
 protected:
  RequestLog Log(RequestLogOptions options = {}) {
    return {options, clock_, [this](auto level, auto message, const auto& fields) {
              lines_.push_back({level, std::string(message), fields});
            }};
  }
  void Fail(RequestLog& log, int code, int times = 1) {
    for (int i = 0; i < times; ++i) log.Add(kAppend, {.code = code, .reason = "WHY"}, ids_);
  }

  static constexpr RpcName kAppend{.service = "eventstore.v1.EventStore", .method = "Append"};
  static constexpr RpcName kSubscribe{.service = "s", .method = "Subscribe", .streams = true, .endless = true};
  testing::FakeClock clock_;
  testing::CountingIds maker_;
  RequestIds ids_ = IdsOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "mine", maker_);
  std::vector<Line> lines_;
};

TEST_F(RequestLogTest, AFailureIsOneLine) {
  auto log = Log();
  log.Add(kAppend, {.code = kInternal, .reason = "INTERNAL", .sqlstate = "XX000", .took = milliseconds{12}}, ids_);
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].level, spdlog::level::warn);
  EXPECT_EQ(lines_[0].message, "request failed");
  EXPECT_THAT(lines_[0].fields, ElementsAre(Pair("method", LogValue("eventstore.v1.EventStore/Append")),
                                            Pair("status", LogValue("INTERNAL")), Pair("reason", LogValue("INTERNAL")),
                                            Pair("sqlstate", LogValue("XX000")), Pair("duration_ms", LogValue(12.0)),
                                            Pair("request_id", LogValue("mine")),
                                            Pair("trace_id", LogValue("4bf92f3577b34da6a3ce929d0e0e4736"))));
}

TEST_F(RequestLogTest, WhatAClientBroughtAboutIsNoWarning) {
  auto log = Log();
  Fail(log, kAborted);
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].level, spdlog::level::info);
}

TEST_F(RequestLogTest, SlowOnesFromTheLimitOn) {
  auto log = Log({.slow = milliseconds{100}});
  log.Add(kAppend, {.code = kOk, .took = milliseconds{99}}, ids_);
  EXPECT_TRUE(lines_.empty());
  log.Add(kAppend, {.code = kOk, .took = milliseconds{100}}, ids_);
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].message, "request was slow");
  auto never = Log({.slow = milliseconds{0}});
  EXPECT_FALSE(never.Wants(kAppend, {.code = kOk, .took = std::chrono::hours{1}}));
}

TEST_F(RequestLogTest, AStreamWithoutAnEndIsNeitherSlowNorFailedWhenItsClientLeaves) {
  const auto log = Log();
  EXPECT_FALSE(log.Wants(kSubscribe, {.code = kOk, .took = std::chrono::hours{1}}));
  EXPECT_FALSE(log.Wants(kSubscribe, {.code = kCancelled}));
  EXPECT_TRUE(log.Wants(kSubscribe, {.code = kInternal}));
  EXPECT_TRUE(log.Wants(kAppend, {.code = kCancelled}));
}

TEST_F(RequestLogTest, AFloodIsCutAndSaidToBe) {
  auto log = Log({.burst = 5, .per_second = 2});
  Fail(log, kInternal, 100);
  EXPECT_EQ(lines_.size(), 5U);
  EXPECT_EQ(log.left_out(), 95U);
  clock_.Advance(std::chrono::seconds{1});
  Fail(log, kInternal, 10);
  EXPECT_EQ(lines_.size(), 7U);
  log.CatchUp();  // too soon
  EXPECT_EQ(lines_.size(), 7U);
  clock_.Advance(std::chrono::seconds{10});
  log.CatchUp();
  ASSERT_EQ(lines_.size(), 8U);
  EXPECT_THAT(lines_.back().fields, ElementsAre(Pair("left_out", LogValue(103.0))));
  clock_.Advance(std::chrono::seconds{10});
  log.CatchUp();  // nothing new
  EXPECT_EQ(lines_.size(), 8U);
  // Not more than the burst, however long it was quiet.
  Fail(log, kInternal, 100);
  EXPECT_EQ(lines_.size(), 13U);
}

TEST_F(RequestLogTest, AFloodOfClientsFailuresHidesNoFault) {
  auto log = Log({.burst = 5, .per_second = 2});
  Fail(log, kAborted, 100);
  Fail(log, kInternal);
  EXPECT_EQ(lines_.size(), 6U);
  EXPECT_EQ(lines_.back().level, spdlog::level::warn);
}

TEST_F(RequestLogTest, WhatWasLeftOutIsSaidAtTheEnd) {
  {
    auto log = Log({.burst = 1, .per_second = 1});
    Fail(log, kInternal, 3);
  }
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_THAT(lines_.back().fields, ElementsAre(Pair("left_out", LogValue(2.0))));
}

}  // namespace
}  // namespace eventstore::observability
