// Rules for one append and its events; rules among the parts of a batch are in batch_rules_test.cc.
#include "server/domain/event_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "server/domain/limits.h"
#include "tests/unit/domain/raw_batch.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();

TEST(ParseBatch, TakesEveryFieldOver) {
  RawAppend append = ValidAppend(1, ExactCheck(7));
  append.events[0] = {TestIdText(2), "order.placed", "ann",         R"({"a":1})",
                      R"({"b":2})",  TestIdText(3),  TestIdText(4), "sync"};
  const auto batch = ParseSingle(append);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_TRUE(batch->single);
  EXPECT_TRUE(batch->checks.empty());
  ASSERT_EQ(batch->appends.size(), 1U);
  EXPECT_EQ(batch->appends[0].aggregate_id, TestId(1));
  EXPECT_EQ(batch->appends[0].aggregate_type, "entity");
  EXPECT_EQ(batch->appends[0].check, VersionCheck::Exact(7));
  NewEvent event;
  event.id = TestId(2);
  event.event_type = "order.placed";
  event.user_id = "ann";
  event.data = R"({"a":1})";
  event.metadata = R"({"b":2})";
  event.causation_id = TestId(3);
  event.correlation_id = TestId(4);
  event.source = "sync";
  EXPECT_THAT(batch->appends[0].events, ElementsAre(event));
}

TEST(ParseBatch, FillsInWhatWasLeftOut) {
  testing::CountingIds ids;
  RawBatch raw;
  raw.appends.push_back(ValidAppend(1, AnyCheck(), 2));
  const auto batch = ParseBatch(raw, true, ids);
  ASSERT_TRUE(batch.ok()) << batch.status();
  for (const NewEvent& event : batch->appends[0].events) {
    EXPECT_TRUE(event.id_made_here);
    EXPECT_EQ(event.user_id, "");
    EXPECT_EQ(event.data, "{}");
    EXPECT_EQ(event.metadata, "{}");
    EXPECT_EQ(event.source, "api");
    EXPECT_EQ(event.causation_id, std::nullopt);
    EXPECT_EQ(event.correlation_id, std::nullopt);
  }
  EXPECT_NE(batch->appends[0].events[0].id, batch->appends[0].events[1].id);
}

TEST(ParseBatch, MovesPayloadsInsteadOfCopying) {
  testing::CountingIds ids;
  RawBatch raw;
  raw.appends.push_back(ValidAppend(1, AnyCheck()));
  raw.appends[0].events[0].data = R"({"text":")" + std::string(1000, 'x') + "\"}";
  const char* const data = raw.appends[0].events[0].data.data();
  const auto batch = ParseBatch(std::move(raw), true, ids);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->appends[0].events[0].data.data(), data);
}

TEST(ParseBatch, TakesEveryKindOfCheck) {
  EXPECT_EQ(ParseSingle(ValidAppend(1, ExactCheck(0)))->appends[0].check, VersionCheck::Exact(0));
  EXPECT_EQ(ParseSingle(ValidAppend(1, ExactCheck(kLast - 1)))->appends[0].check, VersionCheck::Exact(kLast - 1));
  EXPECT_EQ(ParseSingle(ValidAppend(1, AnyCheck()))->appends[0].check, VersionCheck::Any());
  EXPECT_EQ(ParseSingle(ValidAppend(1, ExistingCheck()))->appends[0].check, VersionCheck::Existing());
}

struct BadAppend {
  const char* name;
  std::function<void(RawAppend&)> spoil;
  const char* field;
  const char* description;
};

std::string JsonOfSize(std::size_t bytes) { return R"({"a": ")" + std::string(bytes - 9, 'x') + "\"}"; }

const BadAppend kBadAppends[] = {
    {"NoAggregateId", [](RawAppend& a) { a.aggregate_id = ""; }, "aggregate_id", "is required"},
    {"BadAggregateId", [](RawAppend& a) { a.aggregate_id = "order-7"; }, "aggregate_id", "is not a UUID"},
    {"NoAggregateType", [](RawAppend& a) { a.aggregate_type = ""; }, "aggregate_type", "is required"},
    {"NulInAggregateType", [](RawAppend& a) { a.aggregate_type = std::string(1, '\0'); }, "aggregate_type", "NUL"},
    {"NoCheck", [](RawAppend& a) { a.check = {}; }, "version_check", "is required"},
    {"NegativeVersion", [](RawAppend& a) { a.check = ExactCheck(-1); }, "expected_version", "is -1;"},
    {"SmallestVersion", [](RawAppend& a) { a.check = ExactCheck(-kLast - 1); }, "expected_version", "is -2147483648"},
    {"LastVersion", [](RawAppend& a) { a.check = ExactCheck(kLast); }, "expected_version", "0 to 2147483646"},
    {"AnyFalse", [](RawAppend& a) { a.check = AnyCheck(false); }, "any_version", "must be true"},
    {"ExistingFalse", [](RawAppend& a) { a.check = ExistingCheck(false); }, "existing", "must be true"},
    {"NoEvents", [](RawAppend& a) { a.events.clear(); }, "events", "is empty"},
    {"BadEventId", [](RawAppend& a) { a.events[1].id = "1"; }, "events[1].id", "is not a UUID"},
    {"NoEventType", [](RawAppend& a) { a.events[1].event_type = ""; }, "events[1].event_type", "is required"},
    {"BadUtf8EventType", [](RawAppend& a) { a.events[1].event_type = "\xff"; }, "events[1].event_type", "UTF-8"},
    {"NulInUserId", [](RawAppend& a) { a.events[1].user_id = std::string("a\0", 2); }, "events[1].user_id", "NUL"},
    {"BadUtf8Source", [](RawAppend& a) { a.events[1].source = "\xed\xa0\x80"; }, "events[1].source", "UTF-8"},
    {"BadCausation", [](RawAppend& a) { a.events[1].causation_id = "x"; }, "events[1].causation_id", "is not a UUID"},
    {"BadCorrelation", [](RawAppend& a) { a.events[1].correlation_id = "x"; }, "events[1].correlation_id",
     "is not a UUID"},
    {"DataNotJson", [](RawAppend& a) { a.events[1].data = "{"; }, "events[1].data", "is not JSON"},
    {"DataNotObject", [](RawAppend& a) { a.events[1].data = "[]"; }, "events[1].data", "not an object"},
    {"DataBlank", [](RawAppend& a) { a.events[1].data = " "; }, "events[1].data", "is not JSON"},
    {"MetadataNotObject", [](RawAppend& a) { a.events[1].metadata = "7"; }, "events[1].metadata", "not an object"},
    {"MetadataNul", [](RawAppend& a) { a.events[1].metadata = R"({"a":"\u0000"})"; }, "events[1].metadata", "u0000"},
};

class BadAppends : public ::testing::TestWithParam<BadAppend> {};

TEST_P(BadAppends, AreRefusedNamingTheField) {
  RawAppend append = ValidAppend(1, ExactCheck(0), 3);
  ASSERT_TRUE(ParseSingle(append).ok());
  GetParam().spoil(append);

  const Error single = FromStatus(ParseSingle(append).status());
  EXPECT_EQ(single.reason, Reason::kInvalidRequest);
  ASSERT_EQ(single.violations.size(), 1U) << single.message;
  EXPECT_EQ(single.violations[0].field, GetParam().field);
  EXPECT_THAT(single.violations[0].description, HasSubstr(GetParam().description));

  const Error batch = FromStatus(ParseAll({ValidAppend(2, AnyCheck()), append}).status());
  ASSERT_EQ(batch.violations.size(), 1U) << batch.message;
  EXPECT_EQ(batch.violations[0].field, std::string("appends[1].") + GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(ParseBatch, BadAppends, ::testing::ValuesIn(kBadAppends),
                         [](const auto& row) { return row.param.name; });

struct Limit {
  const char* name;
  std::size_t max;
  std::function<void(RawAppend&, std::size_t)> set;
  const char* field;
};

const Limit kLimits[] = {
    {"max_aggregate_type_bytes", 100, [](RawAppend& a, std::size_t n) { a.aggregate_type = std::string(n, 'x'); },
     "aggregate_type"},
    {"max_event_type_bytes", 200, [](RawAppend& a, std::size_t n) { a.events[0].event_type = std::string(n, 'x'); },
     "events[0].event_type"},
    {"max_user_id_bytes", 200, [](RawAppend& a, std::size_t n) { a.events[0].user_id = std::string(n, 'x'); },
     "events[0].user_id"},
    {"max_source_bytes", 100, [](RawAppend& a, std::size_t n) { a.events[0].source = std::string(n, 'x'); },
     "events[0].source"},
    {"max_data_bytes", 1'048'576, [](RawAppend& a, std::size_t n) { a.events[0].data = JsonOfSize(n); },
     "events[0].data"},
    {"max_metadata_bytes", 65'536, [](RawAppend& a, std::size_t n) { a.events[0].metadata = JsonOfSize(n); },
     "events[0].metadata"},
    {"max_events", 10'000, [](RawAppend& a, std::size_t n) { a.events.assign(n, ValidEvent()); }, "events"},
};

class Limits : public ::testing::TestWithParam<Limit> {};

TEST_P(Limits, AreReachedAndNotPassed) {
  RawAppend append = ValidAppend(1, ExactCheck(0));
  GetParam().set(append, GetParam().max);
  EXPECT_TRUE(ParseSingle(append).ok()) << ParseSingle(append).status();

  GetParam().set(append, GetParam().max + 1);
  const Error error = FromStatus(ParseSingle(append).status());
  EXPECT_EQ(error.reason, Reason::kLimitExceeded);
  ASSERT_EQ(error.violations.size(), 1U);
  EXPECT_EQ(error.violations[0].field, GetParam().field);
  EXPECT_EQ(MetadataOf(error, "limit"), GetParam().name);
  EXPECT_EQ(MetadataOf(error, "max"), std::to_string(GetParam().max));
  EXPECT_EQ(MetadataOf(error, "size"), std::to_string(GetParam().max + 1));
}

INSTANTIATE_TEST_SUITE_P(ParseBatch, Limits, ::testing::ValuesIn(kLimits),
                         [](const auto& row) { return row.param.name; });

TEST(ParseBatch, DataCountsAsPostgresPrintsIt) {
  RawAppend append = ValidAppend(1, ExactCheck(0));
  // White space is not kept, so it does not count.
  append.events[0].data = std::string(2 << 20, ' ') + "{}";
  EXPECT_TRUE(ParseSingle(append).ok());
  // 3 500 numbers of 6 bytes, each printed as 311.
  std::string numbers;
  for (int i = 0; i < 3'500; ++i) numbers += (i > 0 ? ",1e308" : "1e308");
  append.events[0].data = "{\"a\":[" + numbers + "]}";
  EXPECT_EQ(FromStatus(ParseSingle(append).status()).reason, Reason::kLimitExceeded);
}

TEST(ParseBatch, ReportsEverythingThatIsWrong) {
  RawAppend append = ValidAppend(1, {}, 2);
  append.aggregate_id = "";
  append.events[0].event_type = "";
  append.events[1].data = "x";
  EXPECT_THAT(FieldsOf(ParseSingle(append).status()),
              ElementsAre("aggregate_id", "version_check", "events[0].event_type", "events[1].data"));
}

}  // namespace
}  // namespace eventstore::domain
