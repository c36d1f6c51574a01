// Consumer groups as eventctl shows them, durations, and the answer to a question.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/duration.h"
#include "tools/eventctl/output/group_text.h"

namespace eventstore::eventctl {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

TEST(DurationTest, TakesANumberWithAUnit) {
  EXPECT_EQ(ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(ParseDuration("30s"), milliseconds(30'000));
  EXPECT_EQ(ParseDuration("5m"), milliseconds(300'000));
  EXPECT_EQ(ParseDuration("1h"), milliseconds(3'600'000));
  for (const char* text :
       {"", "30", "s", "-1s", "1.5s", "1 s", "1d", "9223372036854775807s", "99999999999999999999s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(DurationTest, IsShownShort) {
  EXPECT_EQ(DurationText(milliseconds(500)), "500 ms");
  EXPECT_EQ(DurationText(milliseconds(30'000)), "30 s");
  EXPECT_EQ(DurationText(milliseconds(1'500)), "1.5 s");
}

TEST(ConfirmTest, OnlyYesIsYes) {
  for (const char* text : {"y\n", "yes\n", "YES\n", "Y"}) {
    std::istringstream in(text);
    EXPECT_TRUE(IsYes(in)) << text;
  }
  for (const char* text : {"", "\n", "n\n", "yesterday\n", " y\n"}) {
    std::istringstream in(text);
    EXPECT_FALSE(IsYes(in)) << text;
  }
}

v1::ConsumerGroup Mailer() {
  v1::ConsumerGroup group;
  group.set_name("mailer");
  group.set_buckets(64);
  group.set_position(4'294'967'296);
  group.set_lag_events(10'000);
  group.set_lag_is_at_least(true);
  group.set_lag_seconds(125.25);
  group.set_parked_events(2);
  group.mutable_settings()->mutable_filter()->add_event_type_prefixes("order.");
  group.mutable_settings()->set_ack_timeout_ms(30'000);
  group.mutable_settings()->set_max_deliveries(10);
  group.mutable_settings()->set_retry_pause_ms(500);
  auto* member = group.add_members();
  member->set_id("m-1");
  member->set_name("mailer-1\x1b[31m");
  member->set_instance("host/7");
  member->set_buckets(16);
  return group;
}

class GroupTextTest : public testing::Test {
 protected:
  std::string Print(const v1::ConsumerGroup& group) {
    PrintGroup(context_, group);
    return out_.str();
  }

  std::ostringstream out_;
  std::ostringstream err_;
  Context context_{.out = out_, .err = err_, .out_terminal = {}, .err_terminal = {}};
};

TEST_F(GroupTextTest, SaysWhatItLacksAndWhatToDo) {
  const std::string text = Print(Mailer());
  EXPECT_THAT(text, HasSubstr("event type order.*"));
  EXPECT_THAT(text, HasSubstr("10,000+ events, the oldest recorded 2:06 ago"));
  EXPECT_THAT(text, HasSubstr("2 events; see them with `eventctl groups parked mailer`"));
  EXPECT_THAT(text, HasSubstr("within 30 s; parked after 10 failures, 500 ms before the second"));
  EXPECT_THAT(text, HasSubstr("1 of 64 buckets"));
  EXPECT_THAT(text, HasSubstr("██████"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << "what a consumer calls itself does not control the terminal";
}

TEST_F(GroupTextTest, NothingIsSaidWithoutZeros) {
  v1::ConsumerGroup group;
  group.set_name("idle");
  const std::string text = Print(group);
  EXPECT_THAT(text, HasSubstr("all events"));
  EXPECT_THAT(text, HasSubstr("lag       none"));
  EXPECT_THAT(text, HasSubstr("parked    none"));
  EXPECT_THAT(text, Not(HasSubstr("MEMBER ")));
}

TEST(GroupJsonTest, HasEveryField) {
  EXPECT_EQ(GroupJson(Mailer()),
            R"({"name":"mailer","position":4294967296,"lag_events":10000,"lag_is_at_least":true,"lag_seconds":125.250,)"
            R"("parked_events":2,"buckets":64,"filter":{"event_types":[],"event_type_prefixes":["order."],)"
            R"("aggregate_types":[],"user_ids":[],"correlation_ids":[],"sources":[],"metadata":{}},)"
            R"("ack_timeout_ms":30000,"max_deliveries":10,"retry_pause_ms":500,)"
            R"("created_at":"1970-01-01T00:00:00.000000Z","updated_at":"1970-01-01T00:00:00.000000Z",)"
            R"("members":[{"id":"m-1","name":"mailer-1\u001b[31m","instance":"host/7","buckets":16,)"
            R"("joined_at":"1970-01-01T00:00:00.000000Z"}]})");
}

TEST(GroupTextOfTest, LagAndTime) {
  EXPECT_EQ(BehindText(0), "-");
  EXPECT_EQ(BehindText(0.2), "1 s");
  EXPECT_EQ(BehindText(59), "59 s");
  EXPECT_EQ(BehindText(3'605), "1:00:05");
  EXPECT_EQ(BehindText(26 * 3'600), "26 h");
}

}  // namespace
}  // namespace eventstore::eventctl
