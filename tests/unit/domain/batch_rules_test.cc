// Rules among the parts of a batch: repeated ids, versions that chain, totals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/event_validation.h"
#include "server/domain/limits.h"
#include "tests/unit/domain/raw_batch.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();

RawAppend WithIds(RawAppend append, std::vector<std::uint64_t> ids) {
  append.events.assign(ids.size(), ValidEvent());
  for (std::size_t i = 0; i < ids.size(); ++i) append.events[i].id = TestIdText(ids[i]);
  return append;
}

TEST(RepeatedIds, WithinOneAppendNameBothPlaces) {
  const Error error = FromStatus(ParseSingle(WithIds(ValidAppend(1, AnyCheck()), {5, 6, 5})).status());
  EXPECT_EQ(error.reason, Reason::kInvalidRequest);
  ASSERT_EQ(error.violations.size(), 1U);
  EXPECT_EQ(error.violations[0].field, "events[2].id");
  EXPECT_THAT(error.violations[0].description, HasSubstr("the id of events[0];"));
}

TEST(RepeatedIds, AcrossAppendsNameBothPlacesWhateverTheCase) {
  RawAppend second = WithIds(ValidAppend(2, AnyCheck()), {7, 0xabc});
  for (char& c : second.events[1].id) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const auto status = ParseAll({WithIds(ValidAppend(1, AnyCheck()), {0xabc, 6}), second}).status();
  const Error error = FromStatus(status);
  ASSERT_EQ(error.violations.size(), 1U);
  EXPECT_EQ(error.violations[0].field, "appends[1].events[1].id");
  EXPECT_THAT(error.violations[0].description, HasSubstr("the id of appends[0].events[0];"));
}

TEST(RepeatedIds, EachRepeatIsReported) {
  EXPECT_THAT(FieldsOf(ParseSingle(WithIds(ValidAppend(1, AnyCheck()), {5, 5, 5})).status()),
              ElementsAre("events[1].id", "events[2].id"));
}

TEST(RepeatedIds, OtherUuidsMayRepeat) {
  RawAppend append = WithIds(ValidAppend(1, AnyCheck()), {1, 2});
  for (RawEvent& event : append.events) event.causation_id = event.correlation_id = TestIdText(1);
  EXPECT_TRUE(ParseSingle(append).ok()) << "an event may even have the id of its aggregate";
}

TEST(ChainedVersions, FollowExactVersions) {
  EXPECT_TRUE(ParseAll({ValidAppend(1, ExactCheck(0), 2), ValidAppend(2, ExactCheck(0)),
                        ValidAppend(1, ExactCheck(2), 3), ValidAppend(1, ExactCheck(5))})
                  .ok());
  const Error error = FromStatus(
      ParseAll({ValidAppend(1, ExactCheck(3), 2), ValidAppend(2, AnyCheck()), ValidAppend(1, ExactCheck(4))}).status());
  EXPECT_EQ(error.reason, Reason::kInvalidRequest);
  ASSERT_EQ(error.violations.size(), 1U);
  EXPECT_EQ(error.violations[0].field, "appends[2].expected_version");
  EXPECT_EQ(error.violations[0].description, "is 4, but appends[0] leaves the aggregate at version 5");
}

TEST(ChainedVersions, AnyAndExistingAreFineAnywhereAndCount) {
  EXPECT_TRUE(ParseAll({ValidAppend(1, ExactCheck(0)), ValidAppend(1, AnyCheck(), 2), ValidAppend(1, ExistingCheck()),
                        ValidAppend(1, ExactCheck(4))})
                  .ok());
  EXPECT_THAT(
      FieldsOf(ParseAll({ValidAppend(1, ExactCheck(0)), ValidAppend(1, AnyCheck(), 2), ValidAppend(1, ExactCheck(1))})
                   .status()),
      ElementsAre("appends[2].expected_version"));
}

TEST(ChainedVersions, ExactAfterAnyIsForTheStoreToDecide) {
  EXPECT_TRUE(ParseAll({ValidAppend(1, AnyCheck(), 2), ValidAppend(1, ExactCheck(77))}).ok());
  EXPECT_TRUE(ParseAll({ValidAppend(1, ExistingCheck()), ValidAppend(1, ExactCheck(1))}).ok());
  // From there on it is known again.
  EXPECT_THAT(
      FieldsOf(ParseAll({ValidAppend(1, AnyCheck()), ValidAppend(1, ExactCheck(7)), ValidAppend(1, ExactCheck(7))})
                   .status()),
      ElementsAre("appends[2].expected_version"));
}

// Each append is refused exactly when a small model of the aggregates' versions refuses it.
RC_GTEST_PROP(ChainedVersionsProperty, AgreeWithAModel, ()) {
  std::vector<RawAppend> appends;
  std::map<std::uint64_t, std::int64_t> known;
  bool broken = false;
  const int count = *rc::gen::inRange(1, 12);
  for (int i = 0; i < count && !broken; ++i) {
    const auto aggregate = *rc::gen::inRange<std::uint64_t>(1, 4);
    const auto events = *rc::gen::inRange<std::size_t>(1, 4);
    const auto at = known.find(aggregate);
    RawCheck check = *rc::gen::elementOf(std::vector<RawCheck>{AnyCheck(), ExistingCheck(), ExactCheck(0)});
    if (check.kind == RawCheck::Kind::kExact) {
      // Usually the right version, sometimes a near one.
      const auto right = at == known.end() ? *rc::gen::inRange(0, 5) : static_cast<std::int32_t>(at->second);
      check.expected = std::max(0, right + *rc::gen::element(0, 0, 0, 1, -1));
      broken = at != known.end() && at->second != check.expected;
      known[aggregate] = check.expected;
    }
    if (known.contains(aggregate)) known[aggregate] += static_cast<std::int64_t>(events);
    appends.push_back(ValidAppend(aggregate, check, events));
  }
  const auto batch = ParseAll(appends);
  RC_ASSERT(batch.ok() == !broken);
  if (broken) {
    RC_ASSERT(FieldsOf(batch.status()) ==
              std::vector<std::string>{"appends[" + std::to_string(appends.size() - 1) + "].expected_version"});
  }
}

TEST(VersionExhausted, IsToldFromABadRequest) {
  EXPECT_TRUE(ParseSingle(ValidAppend(1, ExactCheck(kLast - 1), 1)).ok());
  EXPECT_TRUE(ParseSingle(ValidAppend(1, ExactCheck(kLast - 2), 2)).ok());
  const Error error = FromStatus(ParseSingle(ValidAppend(1, ExactCheck(kLast - 1), 2)).status());
  EXPECT_EQ(error.reason, Reason::kVersionExhausted);
  EXPECT_EQ(MetadataOf(error, "field"), "events");
  EXPECT_EQ(MetadataOf(error, "aggregate_id"), TestIdText(1));
  EXPECT_EQ(MetadataOf(error, "expected_version"), "2147483646");
  EXPECT_EQ(MetadataOf(error, "events"), "2");
}

TEST(VersionExhausted, CountsAlongTheChain) {
  const Error error =
      FromStatus(ParseAll({ValidAppend(1, ExactCheck(kLast - 2), 2), ValidAppend(1, AnyCheck())}).status());
  EXPECT_EQ(error.reason, Reason::kVersionExhausted);
  EXPECT_EQ(MetadataOf(error, "field"), "appends[1].events");
}

TEST(VersionExhausted, YieldsToViolations) {
  RawAppend append = ValidAppend(1, ExactCheck(kLast - 1), 2);
  append.aggregate_type = "";
  EXPECT_EQ(FromStatus(ParseSingle(append).status()).reason, Reason::kInvalidRequest);
}

TEST(Checks, AreTakenOver) {
  const auto batch =
      ParseAll({ValidAppend(1, AnyCheck())}, {{TestIdText(2), ExactCheck(0)}, {TestIdText(3), ExistingCheck()}});
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_FALSE(batch->single);
  ASSERT_EQ(batch->checks.size(), 2U);
  EXPECT_EQ(batch->checks[0].aggregate_id, TestId(2));
  EXPECT_EQ(batch->checks[0].check, VersionCheck::Exact(0));
  EXPECT_EQ(batch->checks[1].check, VersionCheck::Existing());
}

TEST(Checks, BadOnesNameTheField) {
  const auto fields = [](const RawAggregateCheck& check) {
    return FieldsOf(ParseAll({ValidAppend(1, AnyCheck())}, {{TestIdText(2), ExactCheck(1)}, check}).status());
  };
  EXPECT_THAT(fields({"", ExactCheck(0)}), ElementsAre("checks[1].aggregate_id"));
  EXPECT_THAT(fields({"x", ExactCheck(0)}), ElementsAre("checks[1].aggregate_id"));
  EXPECT_THAT(fields({TestIdText(3), {}}), ElementsAre("checks[1].version_check"));
  EXPECT_THAT(fields({TestIdText(3), AnyCheck()}), ElementsAre("checks[1].version_check"));
  EXPECT_THAT(fields({TestIdText(3), ExistingCheck(false)}), ElementsAre("checks[1].existing"));
  EXPECT_THAT(fields({TestIdText(3), ExactCheck(-1)}), ElementsAre("checks[1].expected_version"));
  EXPECT_THAT(fields({TestIdText(2), ExactCheck(2)}), ElementsAre("checks[1].expected_version"));
  EXPECT_THAT(fields({TestIdText(2), ExactCheck(1)}), ElementsAre());
  EXPECT_THAT(fields({TestIdText(2), ExistingCheck()}), ElementsAre());
  EXPECT_THAT(fields({TestIdText(1), ExactCheck(9)}), ElementsAre()) << "an aggregate may be checked and written";
}

TEST(Totals, AnEmptyBatchIsRefused) {
  EXPECT_THAT(FieldsOf(ParseAll({}).status()), ElementsAre("appends"));
  EXPECT_THAT(FieldsOf(ParseAll({}, {{TestIdText(1), ExactCheck(0)}}).status()), ElementsAre("appends"));
}

std::vector<RawAppend> Appends(std::size_t count, std::size_t events_each) {
  std::vector<RawAppend> appends;
  for (std::size_t i = 0; i < count; ++i) appends.push_back(ValidAppend(i, AnyCheck(), events_each));
  return appends;
}

TEST(Totals, CountsAreBounded) {
  const auto limit = [](const absl::StatusOr<AppendBatch>& batch) {
    return MetadataOf(FromStatus(batch.status()), "limit");
  };
  EXPECT_TRUE(ParseAll(Appends(kMaxAppendsPerBatch, 1)).ok());
  EXPECT_EQ(limit(ParseAll(Appends(kMaxAppendsPerBatch + 1, 1))), "max_appends");

  std::vector<RawAggregateCheck> checks;
  for (std::size_t i = 0; i < kMaxChecksPerBatch; ++i) checks.push_back({TestIdText(i), ExactCheck(0)});
  EXPECT_TRUE(ParseAll(Appends(1, 1), checks).ok());
  checks.push_back({TestIdText(kMaxChecksPerBatch), ExactCheck(0)});
  EXPECT_EQ(limit(ParseAll(Appends(1, 1), checks)), "max_checks");

  EXPECT_TRUE(ParseAll(Appends(2, kMaxEventsPerRequest / 2)).ok());
  std::vector<RawAppend> appends = Appends(2, kMaxEventsPerRequest / 2);
  appends[1].events.push_back(ValidEvent());
  EXPECT_EQ(limit(ParseAll(appends)), "max_events");
  EXPECT_THAT(FieldsOf(ParseAll(appends).status()), ElementsAre("appends"));
}

TEST(Totals, BytesOfDataAndMetadataAreBounded) {
  // 16 events of 1 MiB, less what their metadata "{}" take.
  std::vector<RawAppend> appends = Appends(2, 8);
  for (RawAppend& append : appends) {
    for (RawEvent& event : append.events) event.data = R"({"a": ")" + std::string(kMaxDataBytes - 9 - 2, 'x') + "\"}";
  }
  EXPECT_TRUE(ParseAll(appends).ok());
  appends[1].events[7].data.insert(9, "x");
  const Error error = FromStatus(ParseAll(appends).status());
  EXPECT_EQ(error.reason, Reason::kLimitExceeded);
  EXPECT_EQ(MetadataOf(error, "limit"), "max_request_bytes");
  EXPECT_EQ(MetadataOf(error, "size"), std::to_string(kMaxRequestBytes + 1));
}

TEST(Totals, ManyViolationsAreCountedNotListed) {
  RawAppend append = ValidAppend(1, AnyCheck(), kMaxEventsPerRequest);
  for (RawEvent& event : append.events) event.event_type = "";
  const Error error = FromStatus(ParseSingle(append).status());
  EXPECT_EQ(error.violations.size(), 20U);
  EXPECT_THAT(error.message, HasSubstr("and 9980 more"));
  EXPECT_LT(error.message.size(), 4000U);
}

}  // namespace
}  // namespace eventstore::domain
