#include "server/service/quotas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "tests/support/fake_clock.h"

namespace eventstore::service {
namespace {

using domain::Reason;
using std::chrono::milliseconds;

class QuotasTest : public ::testing::Test {
 protected:
  static auto Named(const std::string& name) {
    return [name] { return name; };
  }
  static domain::Error ErrorIn(const absl::Status& status) { return domain::FromStatus(status); }
  static std::string Limit(const absl::Status& status) {
    for (const auto& [key, value] : ErrorIn(status).metadata) {
      if (key == "limit") return value;
    }
    return "(none)";
  }

  testing::FakeClock clock_;
};

TEST_F(QuotasTest, NothingIsAskedWhereNothingIsLimited) {
  Quotas quotas({}, clock_);
  const auto pass = quotas.Enter(false, [] {
    ADD_FAILURE() << "nobody needs to know";
    return std::string();
  });
  ASSERT_TRUE(pass.ok());
  EXPECT_EQ(*pass, nullptr);
  EXPECT_EQ(quotas.remembered(), 0);
}

TEST_F(QuotasTest, RequestsASecond) {
  QuotaOptions options;
  options.max_requests_per_second = 4;
  Quotas quotas(options, clock_);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(quotas.Enter(false, Named("a")).ok());
  const auto refused = quotas.Enter(false, Named("a")).status();
  const auto error = ErrorIn(refused);
  EXPECT_EQ(error.reason, Reason::kRateLimited);
  EXPECT_EQ(error.retry_after_ms, 250);
  EXPECT_THAT(error.message, ::testing::HasSubstr("the limit is 4 (setting max_requests_per_second)"));
  EXPECT_EQ(Limit(refused), "max_requests_per_second");
  EXPECT_TRUE(quotas.Enter(false, Named("b")).ok()) << "another identity has a bucket of its own";
  clock_.Advance(milliseconds(250));
  EXPECT_TRUE(quotas.Enter(false, Named("a")).ok());
  EXPECT_FALSE(quotas.Enter(false, Named("a")).ok());
  clock_.Advance(std::chrono::hours(1));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(quotas.Enter(false, Named("a")).ok());
  EXPECT_FALSE(quotas.Enter(false, Named("a")).ok()) << "no more than one second's worth is saved up";
}

TEST_F(QuotasTest, ABatchLargerThanTheBucketPassesAndIsWaitedFor) {
  QuotaOptions options;
  options.max_appends_per_second = 10;
  Quotas quotas(options, clock_);
  const auto pass = quotas.Enter(false, Named("a"));
  ASSERT_TRUE(pass.ok());
  EXPECT_TRUE((*pass)->TakeAppends(100).ok());
  const auto refused = (*pass)->TakeAppends(1);
  EXPECT_EQ(Limit(refused), "max_appends_per_second");
  EXPECT_EQ(ErrorIn(refused).retry_after_ms, 9'100);
  clock_.Advance(milliseconds(9'099));
  EXPECT_FALSE((*pass)->TakeAppends(1).ok());
  clock_.Advance(milliseconds(1));
  EXPECT_TRUE((*pass)->TakeAppends(1).ok());
}

TEST_F(QuotasTest, CallsAndStreamsUnderWayAreCountedApart) {
  QuotaOptions options;
  options.max_calls_in_flight = 2;
  options.max_streams_per_identity = 1;
  Quotas quotas(options, clock_);
  auto first = quotas.Enter(false, Named("a"));
  auto second = quotas.Enter(false, Named("a"));
  auto stream = quotas.Enter(true, Named("a"));
  ASSERT_TRUE(first.ok() && second.ok() && stream.ok());
  const auto call = quotas.Enter(false, Named("a")).status();
  EXPECT_EQ(ErrorIn(call).reason, Reason::kTooManyCalls);
  EXPECT_EQ(Limit(call), "max_calls_in_flight");
  EXPECT_EQ(ErrorIn(call).retry_after_ms, 1'000);
  EXPECT_EQ(Limit(quotas.Enter(true, Named("a")).status()), "max_streams_per_identity");
  EXPECT_TRUE(quotas.Enter(false, Named("b")).ok());
  first->reset();
  EXPECT_TRUE(quotas.Enter(false, Named("a")).ok()) << "one has ended";
  const Quotas::PassPtr copy = *stream;
  stream->reset();
  EXPECT_FALSE(quotas.Enter(true, Named("a")).ok()) << "a copy still holds it";
}

TEST_F(QuotasTest, RemembersSoManyAndForgetsThoseSeenLongestAgo) {
  QuotaOptions options;
  options.max_requests_per_second = 1;
  options.remembered = 3;
  Quotas quotas(options, clock_);
  const auto busy = quotas.Enter(false, Named("busy"));
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(quotas.Enter(false, Named(fmt::format("other-{}", i))).ok());
  EXPECT_EQ(quotas.remembered(), 3);
  EXPECT_FALSE(quotas.Enter(false, Named("busy")).ok()) << "one that is under way is not forgotten";
  EXPECT_FALSE(quotas.Enter(false, Named("other-999")).ok()) << "seen last";
  EXPECT_TRUE(quotas.Enter(false, Named("other-0")).ok()) << "forgotten, so it begins anew";
  std::vector<absl::StatusOr<Quotas::PassPtr>> all;
  for (int i = 0; i < 2; ++i) all.push_back(quotas.Enter(false, Named(fmt::format("held-{}", i))));
  EXPECT_TRUE(all.back().ok());
  EXPECT_EQ(ErrorIn(quotas.Enter(false, Named("one more")).status()).reason, Reason::kTooManyCalls);
}

TEST(AddressOf, IsOneForAHost) {
  EXPECT_EQ(AddressOf("ipv4:192.0.2.1:5555"), "192.0.2.1");
  EXPECT_EQ(AddressOf("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:443"), "2001:db8:1:2::/64");
  EXPECT_EQ(AddressOf("ipv6:[2001:db8:1:2::9]:443"), "2001:db8:1:2::/64");
  EXPECT_EQ(AddressOf("ipv6:%5B::ffff:192.0.2.7%5D:443"), "192.0.2.7");
  EXPECT_EQ(AddressOf("unix:"), "unix:");
}

}  // namespace
}  // namespace eventstore::service
