#include "server/observability/trace_context.h"

#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"

namespace eventstore::observability {
namespace {

constexpr char kGood[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsReadAndPrinted) {
  const auto context = ParseTraceparent(kGood);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->TraceId(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->flags, 1);
  EXPECT_EQ(context->Traceparent(), kGood);
}

TEST(Traceparent, OfALaterVersionWhatIsKnown) {
  const std::string id = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_TRUE(ParseTraceparent("cc" + id).has_value());
  EXPECT_TRUE(ParseTraceparent("cc" + id + "-more").has_value());
  EXPECT_FALSE(ParseTraceparent("cc" + id + "more").has_value());
}

class BadTraceparent : public ::testing::TestWithParam<const char*> {};

TEST_P(BadTraceparent, IsAsIfItWasNotThere) { EXPECT_FALSE(ParseTraceparent(GetParam()).has_value()); }

INSTANTIATE_TEST_SUITE_P(All, BadTraceparent,
                         ::testing::Values("", "00", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
                                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                           "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
                                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
                                           " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
                                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01"));

TEST(RequestId, HasFewMarksAndALimit) {
  EXPECT_TRUE(IsRequestId("a"));
  EXPECT_TRUE(IsRequestId("Order-7/retry:2@host.example+x=_~"));
  EXPECT_TRUE(IsRequestId(std::string(kMaxRequestIdBytes, 'a')));
  EXPECT_FALSE(IsRequestId(std::string(kMaxRequestIdBytes + 1, 'a')));
  for (const char* bad : {"", " ", "a b", "a\nb", "a\"b", "a{b", "a\\b", "ä"}) EXPECT_FALSE(IsRequestId(bad)) << bad;
}

TEST(RequestIds, KeepTheTraceAndGetASpanOfTheirOwn) {
  testing::CountingIds maker;
  const auto ids = IdsOf(kGood, "mine", maker);
  EXPECT_EQ(ids.request_id, "mine");
  EXPECT_EQ(ids.trace.TraceId(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(ids.trace.flags, 1);
  EXPECT_NE(ids.trace.parent_id, ParseTraceparent(kGood)->parent_id);
  EXPECT_TRUE(ParseTraceparent(ids.trace.Traceparent()).has_value());
}

TEST(RequestIds, AreMadeWhereMissingOrMalformed) {
  testing::CountingIds maker;
  const auto first = IdsOf("", "", maker);
  const auto second = IdsOf("00-nonsense", "two words", maker);
  EXPECT_TRUE(ParseTraceparent(first.trace.Traceparent()).has_value());
  EXPECT_TRUE(ParseTraceparent(second.trace.Traceparent()).has_value());
  EXPECT_NE(first.trace.trace_id, second.trace.trace_id);
  EXPECT_TRUE(IsRequestId(second.request_id));
  EXPECT_NE(first.request_id, second.request_id);
}

}  // namespace
}  // namespace eventstore::observability
