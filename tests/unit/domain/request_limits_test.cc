#include "server/domain/request_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/domain/access/recorded_by.h"
#include "server/domain/event_validation.h"
#include "server/domain/json_object.h"
#include "server/domain/query_validation.h"
#include "tests/unit/domain/domain_fakes.h"
#include "tests/unit/domain/raw_batch.h"

namespace eventstore::domain {
namespace {

absl::Status Parsed(RawAppend append, const RequestLimits& limits) {
  testing::CountingIds ids;
  RawBatch batch;
  batch.appends.push_back(std::move(append));
  return ParseBatch(std::move(batch), true, ids, limits).status();
}

TEST(RequestLimits, OfAnAppendNameTheirSetting) {
  RequestLimits limits;
  limits.events = 2;
  limits.data_bytes = 100;
  limits.request_bytes = 120;
  EXPECT_TRUE(Parsed(ValidAppend(1, ExactCheck(0), 2), limits).ok());
  Error error = FromStatus(Parsed(ValidAppend(1, ExactCheck(0), 3), limits));
  EXPECT_EQ(error.reason, Reason::kLimitExceeded);
  EXPECT_EQ(MetadataOf(error, "limit"), "max_events");
  EXPECT_EQ(MetadataOf(error, "setting"), "max_events_per_append");
  EXPECT_EQ(error.violations[0].description, "has 3 events; the limit is 2 (setting max_events_per_append)");
  RawAppend large = ValidAppend(1, ExactCheck(0), 2);
  large.events[1].data = R"({"a": ")" + std::string(100, 'x') + "\"}";
  error = FromStatus(Parsed(large, limits));
  EXPECT_EQ(MetadataOf(error, "setting"), "max_data_bytes");
  EXPECT_EQ(error.violations[0].field, "events[1].data");
}

TEST(RequestLimits, OfDaysHoldForWhatIsAskedForAndWhatIsLeftOut) {
  constexpr TimeMicros kNow = 1'700'000'000 * kMicrosPerSecond;
  RequestLimits limits;
  limits.query_days = 7;
  RawUserQuery user;
  user.user_id = "ada";
  auto query = ParseUserQuery(user, kNow, limits);
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->range.from, kNow - 7 * kMicrosPerDay) << "what is usual is no more than what is allowed";
  user.days = 8;
  EXPECT_EQ(MetadataOf(FromStatus(ParseUserQuery(user, kNow, limits).status()), "setting"), "max_query_days");

  RawCountQuery count;
  EXPECT_TRUE(ParseCountQuery(count).ok());
  EXPECT_EQ(FieldsOf(ParseCountQuery(count, kNow, limits).status()), std::vector<std::string>{"from_time"});
  count.range.from = RawTime{1'700'000'000 - 7 * 86'400, 0};
  EXPECT_TRUE(ParseCountQuery(count, kNow, limits).ok()) << "without an end it ends now";
  count.range.from = RawTime{1'700'000'000 - 7 * 86'400 - 1, 0};
  EXPECT_FALSE(ParseCountQuery(count, kNow, limits).ok());
  count.range.to = RawTime{1'700'000'000 - 1, 0};
  EXPECT_TRUE(ParseCountQuery(count, kNow, limits).ok());
  EXPECT_FALSE(ParseCorrelationQuery({TestIdText(1), {}}, kNow, limits).ok());
}

TEST(RecordedBy, IsRefusedFromClientsWhileItIsReserved) {
  RequestLimits limits;
  limits.reserved_member = access::kRecordedBy;
  for (const char* bad : {R"({"_recorded_by": 1})", R"({"a": {}, "\u005frecorded_by": null})"}) {
    RawAppend append = ValidAppend(1, ExactCheck(0));
    append.events[0].metadata = bad;
    EXPECT_TRUE(Parsed(append, {}).ok());
    EXPECT_EQ(FieldsOf(Parsed(append, limits)), std::vector<std::string>{"events[0].metadata"}) << bad;
  }
  RawAppend inside = ValidAppend(1, ExactCheck(0));
  inside.events[0].metadata = R"({"a": {"_recorded_by": 1}, "_recorded_by_": 1})";
  inside.events[0].data = R"({"_recorded_by": 1})";
  EXPECT_TRUE(Parsed(inside, limits).ok());
}

TEST(RecordedBy, IsAddedToWhateverMetadataThereIs) {
  access::Identity identity;
  identity.name = R"(a "b" \c zoë)";
  AppendBatch batch;
  batch.appends.resize(1);
  for (const char* metadata : {"{}", " { \t}", R"({"a":1})", "\n{ \"a\": {} } "}) {
    batch.appends[0].events.emplace_back().metadata = metadata;
  }
  access::StampRecordedBy(identity, batch);
  const std::string member = R"("_recorded_by": "a \"b\" \\c zoë")";
  std::vector<std::string> stamped;
  for (const auto& event : batch.appends[0].events) {
    stamped.push_back(event.metadata);
    EXPECT_TRUE(InspectJsonObject(event.metadata).ok()) << event.metadata;
  }
  EXPECT_THAT(stamped, ::testing::ElementsAre("{" + member + "}", " {" + member + " \t}", "{" + member + R"(, "a":1})",
                                              "\n{" + member + ", \x20\"a\": {} } "));
}

}  // namespace
}  // namespace eventstore::domain
