// Every move of an execution, and the rules of the fields of operational records.
#include <map>
#include <set>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/domain/operations/fields.h"
#include "server/domain/operations/record_query.h"
#include "server/domain/operations/transitions.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum ExecutionStatus;

// Written by hand, not taken from the code: [from][to].
const std::map<std::string, std::set<std::string>> kLegal{
    {"requested", {"scheduled", "failed", "timeout", "cancelled", "abandoned"}},
    {"scheduled", {"running", "cancelling", "failed", "timeout", "cancelled", "abandoned"}},
    {"running", {"cancelling", "completed", "failed", "timeout", "abandoned"}},
    {"cancelling", {"completed", "failed", "timeout", "cancelled", "abandoned"}},
    {"completed", {}},
    {"failed", {}},
    {"timeout", {}},
    {"cancelled", {}},
    {"abandoned", {}},
};

TEST(TransitionsTest, EveryPair) {
  int pairs = 0;
  for (std::size_t from = 0; from < kExecutionStatuses.size(); ++from) {
    const auto from_status = static_cast<ExecutionStatus>(from);
    const auto& legal = kLegal.at(NameOf(from_status));
    EXPECT_EQ(HasEnded(from_status), legal.empty()) << NameOf(from_status);
    std::set<std::string> next;
    for (const ExecutionStatus status : NextOf(from_status)) next.insert(NameOf(status));
    EXPECT_EQ(next, legal) << NameOf(from_status);
    for (std::size_t to = 0; to < kExecutionStatuses.size(); ++to) {
      const auto to_status = static_cast<ExecutionStatus>(to);
      EXPECT_EQ(CanMove(from_status, to_status), legal.contains(NameOf(to_status)))
          << NameOf(from_status) << " -> " << NameOf(to_status);
      ++pairs;
    }
  }
  EXPECT_EQ(pairs, 81);
}

TEST(TransitionsTest, EveryStatusButTheFirstIsReached) {
  std::set<std::string> reached{"requested"};
  for (std::size_t round = 0; round < kExecutionStatuses.size(); ++round) {
    for (const auto& [from, to] : kLegal) {
      if (reached.contains(from)) reached.insert(to.begin(), to.end());
    }
  }
  EXPECT_EQ(reached.size(), kExecutionStatuses.size());
  for (const auto& [from, to] : kLegal) EXPECT_FALSE(to.contains("requested")) << from;
}

TEST(TransitionsTest, WhatIsIllegalNamesWhatIsLegal) {
  const Error error = FromStatus(IllegalMove("e1", kScheduled, kCompleted));
  EXPECT_EQ(error.reason, Reason::kIllegalTransition);
  EXPECT_THAT(error.metadata,
              ElementsAre(std::pair("id", "e1"), std::pair("current_status", "scheduled"),
                          std::pair("requested_status", "completed"),
                          std::pair("legal_statuses", "running,cancelling,failed,timeout,cancelled,abandoned")));
  const Error ended = FromStatus(IllegalMove("e1", kFailed, kRunning));
  EXPECT_THAT(ended.message, HasSubstr("it has ended"));
  EXPECT_EQ(ended.metadata.back(), std::pair(std::string("legal_statuses"), std::string()));
}

class OneId final : public IdMaker {
 public:
  Uuid Make() override { return Uuid::MakeV7(1, 2, 3); }
};

std::string FieldsOf(const absl::Status& status) {
  std::string names;
  for (const auto& violation : FromStatus(status).violations) names += violation.field + ";";
  return names;
}

TEST(FieldsTest, IdsAreMadeWhereNoneIsSent) {
  OneId ids;
  Fields fields;
  EXPECT_FALSE(fields.IdToMake("id", "", ids).sent);
  const NewId sent = fields.IdToMake("id", "01234567-89ab-4cde-8f01-23456789abcd", ids);
  EXPECT_TRUE(sent.sent);
  EXPECT_EQ(sent.id.ToString(), "01234567-89ab-4cde-8f01-23456789abcd");
  EXPECT_TRUE(fields.ToStatus().ok());
  fields.IdToMake("id", "x", ids);
  EXPECT_EQ(FieldsOf(fields.ToStatus()), "id;");
}

TEST(FieldsTest, RefsAtTheirLimits) {
  Fields fields;
  EXPECT_EQ(fields.Ref("ref", "a"), "a");
  fields.Ref("ref", std::string(kMaxRefBytes, 'x'));
  EXPECT_EQ(fields.OptionalRef("ref", ""), std::nullopt);
  EXPECT_TRUE(fields.ToStatus().ok());
  fields.Ref("empty", "");
  fields.Ref("long", std::string(kMaxRefBytes + 1, 'x'));
  fields.OptionalRef("bad", "\xff");
  EXPECT_EQ(FieldsOf(fields.ToStatus()), "empty;long;bad;");
}

TEST(FieldsTest, Objects) {
  Fields fields;
  EXPECT_EQ(fields.Object("data", ""), "{}");
  EXPECT_EQ(fields.OptionalObject("data", ""), std::nullopt);
  EXPECT_EQ(fields.Object("data", R"({"a":1})"), R"({"a":1})");
  EXPECT_TRUE(fields.ToStatus().ok());
  fields.Object("list", "[]");
  fields.Object("large", R"({"a":")" + std::string(kMaxDataBytes, 'x') + R"("})");
  // What PostgreSQL prints is longer than what was sent.
  std::string numbers = R"({"a":[)";
  for (int i = 0; i < 4'000; ++i) numbers += "1e300,";
  fields.Object("grows", numbers + "1]}");
  EXPECT_EQ(FieldsOf(fields.ToStatus()), "list;large;grows;");
}

TEST(FieldsTest, Statuses) {
  Fields fields;
  EXPECT_EQ(fields.RequiredStatus<ExecutionStatus>("s", 1, kExecutionStatuses), kRequested);
  EXPECT_EQ(fields.RequiredStatus<ExecutionStatus>("s", 9, kExecutionStatuses), kAbandoned);
  EXPECT_EQ(fields.AnyStatus("s", 0, kExecutionStatuses), "");
  EXPECT_EQ(fields.AnyStatus("s", 9, kExecutionStatuses), "abandoned");
  EXPECT_TRUE(fields.ToStatus().ok());
  fields.RequiredStatus<ExecutionStatus>("missing", 0, kExecutionStatuses);
  fields.RequiredStatus<ExecutionStatus>("large", 10, kExecutionStatuses);
  EXPECT_EQ(fields.AnyStatus("negative", -1, kWorkerStatuses), "active");
  EXPECT_EQ(FieldsOf(fields.ToStatus()), "missing;large;negative;");
}

TEST(FieldsTest, TokensComeBackAsTheyWere) {
  const RecordPlace place{1'700'000'000'000'001, "01234567-89ab-4cde-8f01-23456789abcd"};
  const ChangePlace change{42, -5};
  Fields fields;
  const auto page = fields.PageToken(TokenOf(place));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->time, place.time);
  EXPECT_EQ(page->key, place.key);
  const auto resumed = fields.ResumeToken(TokenOf(change));
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->position, 42);
  EXPECT_EQ(resumed->time, -5);
  EXPECT_EQ(fields.PageToken(""), std::nullopt);
  EXPECT_TRUE(fields.ToStatus().ok());
  for (const char* bad : {"x", "1", "1.", ".1", "1.x", "1.2.3", "99999999999999999999.1", "1.-1", " 1.2"}) {
    Fields one;
    EXPECT_EQ(one.PageToken(bad), std::nullopt) << bad;
    EXPECT_EQ(FieldsOf(one.ToStatus()), "page_token;") << bad;
  }
  for (const char* bad : {"x", "1", "-1.2", "1.99999999999999999999", "1.2x"}) {
    Fields one;
    EXPECT_EQ(one.ResumeToken(bad), std::nullopt) << bad;
    EXPECT_EQ(FieldsOf(one.ToStatus()), "resume_token;") << bad;
  }
}

TEST(FieldsTest, PagesAndHeartbeats) {
  Fields fields;
  EXPECT_EQ(fields.PageSize(0), kDefaultListed);
  EXPECT_EQ(fields.PageSize(kMaxListed), kMaxListed);
  EXPECT_EQ(fields.Heartbeat(0), kDefaultHeartbeatSeconds);
  EXPECT_TRUE(fields.ToStatus().ok());
  fields.PageSize(kMaxListed + 1);
  fields.Heartbeat(-1);
  EXPECT_EQ(FieldsOf(fields.ToStatus()), "page_size;heartbeat_seconds;");
}

TEST(FieldsTest, FiltersOfWatchers) {
  Fields fields;
  EXPECT_THAT(fields.Kinds("kinds", {1, 4}), ElementsAre(RecordKind::kEvent, RecordKind::kWorker));
  EXPECT_THAT(fields.Refs("refs", {}), IsEmpty());
  EXPECT_TRUE(fields.ToStatus().ok());
  fields.Kinds("kinds", {0, 5});
  fields.Refs("refs", std::vector<std::string>(kMaxFilterValues + 1, "r"));
  fields.Refs("statuses", {""});
  EXPECT_EQ(FieldsOf(fields.ToStatus()), "kinds[0];kinds[1];refs;statuses[0];");
}

TEST(ChangeFilterTest, EachPartMustMatch) {
  const RecordChange change{1, RecordKind::kExecution, "id", "core.echo", "failed", "running", 0};
  EXPECT_TRUE(Matches({}, change));
  EXPECT_TRUE(Matches({{RecordKind::kExecution}, {"core.echo"}, {"failed", "timeout"}}, change));
  EXPECT_FALSE(Matches({{RecordKind::kWorker}, {}, {}}, change));
  EXPECT_FALSE(Matches({{}, {"core.other"}, {}}, change));
  EXPECT_FALSE(Matches({{}, {}, {"running"}}, change));
}

}  // namespace
}  // namespace eventstore::domain
