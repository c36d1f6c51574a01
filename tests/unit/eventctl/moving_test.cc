// From rows of a legacy table to events, without any database.
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "tools/eventctl/moving/chunk_plan.h"
#include "tools/eventctl/moving/mapping.h"
#include "tools/eventctl/moving/row_mapper.h"

namespace eventstore::eventctl {
namespace {

constexpr domain::TimeMicros kNow = 1'700'000'000'000'000;
constexpr char kId[] = "11111111-2222-4333-8444-555555555555";
constexpr char kEntity[] = "99999999-2222-4333-8444-555555555555";

SourceRow Row(const std::string& id, const std::string& data) {
  return {.time = 1'000'000, .id = id, .values = {id, "1970-01-01 00:00:01+00", "kind.made", data, "ann"}};
}

RowMapper DefaultMapper(const std::string& aggregate_type = "") {
  Mapping mapping;
  mapping.table = "events";
  mapping.aggregate_type_by_prefix = {{"kind.", "a kind"}, {"kind.made", "made"}};
  return {mapping, {false, {"id", "timestamp", "type", "data", "user_id"}}, aggregate_type, kNow};
}

std::string Entity(const std::string& id) { return R"({"entityId":")" + id + R"(","x":1.50})"; }

absl::StatusOr<Mapping> Load(const std::string& text) {
  const eventstore::testing::TempDir folder;
  const std::string path = folder.path() + "/map.toml";
  std::ofstream(path) << text;
  return LoadMapping(path);
}

TEST(RowMapper, ARowOfTheCommonLayoutKeepsWhatItHas) {
  const MappedRow mapped = DefaultMapper().Map(Row(kId, Entity(kEntity)), {"run-1", 7});
  ASSERT_TRUE(mapped.event) << mapped.reason;
  EXPECT_EQ(mapped.event->event.id.ToString(), kId);
  EXPECT_EQ(mapped.event->aggregate_id.ToString(), kEntity);
  EXPECT_EQ(mapped.event->aggregate_type, "made");
  EXPECT_EQ(mapped.event->timestamp, 1'000'000);
  EXPECT_EQ(mapped.event->event.event_type, "kind.made");
  EXPECT_EQ(mapped.event->event.user_id, "ann");
  EXPECT_EQ(mapped.event->event.source, "migration");
  EXPECT_EQ(mapped.event->event.data, Entity(kEntity));
  EXPECT_EQ(mapped.event->event.metadata,
            std::string(R"({"legacy_id":")") + kId + R"(","legacy_table":"events","batch":7,"run":"run-1"})");
  EXPECT_FALSE(mapped.fresh_aggregate);
  EXPECT_EQ(DefaultMapper("all").Map(Row(kId, Entity(kEntity)), {}).event->aggregate_type, "all");
}

TEST(RowMapper, OtherIdsBecomeUuidsThatAreTheSameEachTimeAndDifferByKind) {
  const auto first = DefaultMapper().Map(Row("17", Entity("17")), {});
  const auto again = DefaultMapper().Map(Row("17", Entity("17")), {});
  ASSERT_TRUE(first.event && again.event);
  EXPECT_EQ(*first.event, *again.event);
  EXPECT_NE(first.event->event.id, first.event->aggregate_id);
  EXPECT_EQ(first.event->event.id.ToString()[14], '5');
  EXPECT_NE(NameUuid("event", "a", "17"), NameUuid("event", "b", "17"));
}

TEST(RowMapper, ARowWithoutAnEntityGetsAnAggregateOfItsOwn) {
  const auto first = DefaultMapper().Map(Row(kId, "{}"), {});
  const auto other = DefaultMapper().Map(Row(kEntity, "{}"), {});
  ASSERT_TRUE(first.event && other.event);
  EXPECT_TRUE(first.fresh_aggregate);
  EXPECT_NE(first.event->aggregate_id, other.event->aggregate_id);
  EXPECT_EQ(first.event->aggregate_id, DefaultMapper().Map(Row(kId, "{}"), {}).event->aggregate_id);
}

TEST(RowMapper, WhatIsNoEventSaysWhy) {
  const RowMapper mapper = DefaultMapper();
  const auto refused = [&](SourceRow row) {
    const MappedRow mapped = mapper.Map(row, {});
    EXPECT_FALSE(mapped.event);
    EXPECT_NE(mapped.reason, "");
    return mapped.field;
  };
  SourceRow row = Row(kId, "{}");
  row.id = std::nullopt;
  EXPECT_EQ(refused(row), "id");
  row = Row(kId, "{}");
  row.time = std::nullopt;
  EXPECT_EQ(refused(row), "timestamp");
  row.time = kNow + domain::kMicrosPerDay + 1;
  EXPECT_EQ(refused(row), "timestamp");
  EXPECT_EQ(refused(Row(kId, "[]")), "data");
  EXPECT_EQ(refused(Row(kId, R"({"a":"\u0000"})")), "data");
  row = Row(kId, "{}");
  row.values[2] = std::nullopt;
  EXPECT_EQ(refused(row), "event_type");
}

TEST(RowMapper, MetadataOfTheRowIsKeptAndOursWins) {
  Mapping mapping;
  mapping.metadata = {FieldRef::Parse("data.meta")};
  const RowMapper mapper(mapping, {false, {"id", "timestamp", "type", "data", "user_id"}}, "", kNow);
  const auto mapped = mapper.Map(Row(kId, R"({"meta": {"a": 1, "run": "theirs"} })"), {"ours", 1});
  ASSERT_TRUE(mapped.event) << mapped.reason;
  EXPECT_TRUE(mapped.event->event.metadata.starts_with(R"({"a": 1, "run": "theirs","legacy_id":)"))
      << mapped.event->event.metadata;
  EXPECT_TRUE(mapped.event->event.metadata.ends_with(R"("run":"ours"})"));
}

TEST(RowMapper, MembersOfALineAreItsColumns) {
  const RowMapper mapper({}, {true, {"line"}}, "", kNow);
  const std::string line = std::string(R"({"id":")") + kId + R"(","type":"t","data":{"entity_id":5},"user_id":null})";
  const auto mapped = mapper.Map({.time = 5, .id = kId, .values = {line}}, {});
  ASSERT_TRUE(mapped.event) << mapped.reason;
  EXPECT_EQ(mapped.event->event.data, R"({"entity_id":5})");
  EXPECT_EQ(mapped.event->event.user_id, "");
  EXPECT_EQ(mapped.event->aggregate_id, NameUuid("aggregate", "", "5"));
  EXPECT_EQ(mapper.Map({.time = 5, .id = kId, .values = {"no json"}}, {}).field, "row");
}

TEST(Mapping, AFileChangesWhatItNamesAndNothingElse) {
  const auto mapping = Load(R"(
table = "old"
timestamp_unit = "milliseconds"
[fields]
id = "no"
aggregate_id = ["body.order.id", "body.order"]
[aggregate_types]
default = "thing"
by_prefix = { "user." = "user" }
)");
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(mapping->table, "old");
  EXPECT_EQ(mapping->timestamp_unit, 1'000);
  EXPECT_EQ(mapping->id, (FieldRefs{{"no", {}}}));
  EXPECT_EQ(mapping->aggregate_id, (FieldRefs{{"body", {"order", "id"}}, {"body", {"order"}}}));
  EXPECT_EQ(mapping->event_type, Mapping().event_type);
  EXPECT_EQ(mapping->default_aggregate_type, "thing");
  EXPECT_EQ(mapping->required, (std::vector<std::string>{"body", "body", "no"}));
}

TEST(Mapping, WhatAFileHasWrongIsNamed) {
  const auto message = [](const std::string& text) { return std::string(Load(text).status().message()); };
  EXPECT_NE(message("[fields]\nidd = 'x'").find("fields.idd"), std::string::npos);
  EXPECT_NE(message("[fields]\nid = 3").find("fields.id"), std::string::npos);
  EXPECT_NE(message("[fields]\nid = ''").find("names no column"), std::string::npos);
  EXPECT_NE(message("timestamp_unit = 'weeks'").find("timestamp_unit"), std::string::npos);
  EXPECT_NE(message("x = ").find("line 1"), std::string::npos);
  EXPECT_NE(message("tables = 'x'").find("tables"), std::string::npos);
  EXPECT_FALSE(LoadMapping("/nowhere/map.toml").ok());
}

TEST(ChunkInterval, TenSparseYearsAreNotThousandsOfChunks) {
  constexpr domain::TimeMicros kDay = domain::kMicrosPerDay;
  EXPECT_EQ(ProposeChunkInterval(57'451, 0, 3'650 * kDay), 30 * kDay);
  EXPECT_EQ(ProposeChunkInterval(100, 0, 100 * kDay), kDay);
  EXPECT_EQ(ProposeChunkInterval(100'000'000, 0, 3'650 * kDay), kDay);
  EXPECT_EQ(ProposeChunkInterval(10, 0, 100'000 * kDay), 365 * kDay);
  EXPECT_EQ(ProposeChunkInterval(1, 5, 5), kDay);
  EXPECT_EQ(ChunksOf(0, 10 * kDay, 7 * kDay), 2);
}

}  // namespace
}  // namespace eventstore::eventctl
