// Store -> legacy table: appends are in the legacy table when they are committed, and never fail because of it.
#include <thread>

#include "gmock/gmock.h"
#include "server/moving/move_facts.h"
#include "server/storage/event_lines.h"
#include "server/storage/partitions.h"
#include "server/storage/sql_text.h"
#include "tests/integration/legacy/legacy_fixture.h"

namespace eventstore::moving {
namespace {

using domain::VersionCheck;
using storage::Session;
using testing::Event;
using ::testing::HasSubstr;
using testing::Id;
using testing::IsOk;

class MirrorTest : public LegacyTest {
 protected:
  testing::AppendAnswer Append(std::uint64_t aggregate, std::vector<domain::NewEvent> events) {
    return store_.Append(testing::One(Id(aggregate), VersionCheck::Any(), std::move(events)));
  }

  testing::Instance store_{database_.conninfo()};
};

TEST_F(MirrorTest, AppendsAreThereAsTheLegacyTableHasThem) {
  Install(LegacyDirection::kStoreToLegacy);
  domain::NewEvent event = Event(1, R"({"x": 1})");
  event.user_id = "me";
  ASSERT_THAT(Append(5, {event, Event(2, R"({"entityId": "its own"})")}), IsOk());
  EXPECT_EQ(Text("SELECT string_agg(concat_ws('|', type, data, user_id), ' ' ORDER BY id) FROM events"),
            "happened|{\"x\": 1, \"entityId\": \"" + Id(5).ToString() + "\"}|me happened|{\"entityId\": \"its own\"}");
  EXPECT_EQ(Count("events l JOIN events_v2 e USING (id) WHERE l.timestamp = e.timestamp"), 2);
}

TEST_F(MirrorTest, RowsThatCameFromThereAreNotSentBack) {
  Install(LegacyDirection::kBoth);
  database_.Execute(Rows(1, 1, 5));
  EXPECT_EQ(ForwardAll().taken, 5);
  ASSERT_THAT(Append(1, {Event(100)}), IsOk());
  EXPECT_EQ(ForwardAll().taken, 0) << "what the store mirrors is no news to it";
  EXPECT_EQ(Count("events"), 6);
  EXPECT_EQ(Count("events_v2"), 6);
  EXPECT_EQ(Count("legacy_failed"), 0);
  auto status = ReadDualWriteStatus(session_, std::chrono::hours(1));
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->mismatches(), 0);
  ExpectCleanStore();
}

// Of a statement of three, the second is taken in the legacy table.
TEST_F(MirrorTest, OneThatFailsIsNotedAndItsNeighboursAreThere) {
  Install(LegacyDirection::kStoreToLegacy);
  database_.Execute(Rows(9, 2, 1));
  ASSERT_THAT(Append(5, {Event(1), Event(2), Event(3)}), IsOk());
  EXPECT_EQ(Count("events_v2"), 3);
  EXPECT_EQ(Count("events WHERE type = 'happened'"), 2);
  EXPECT_EQ(Text("SELECT event_id FROM legacy_failed"), Id(2).ToString());
  EXPECT_THAT(Text("SELECT error FROM legacy_failed"), HasSubstr("events_pkey"));
  database_.Execute("DELETE FROM events WHERE type = 'old'");
  EXPECT_EQ(ForwardAll().mirrored, 1);
  EXPECT_EQ(Count("legacy_failed"), 0);
  EXPECT_EQ(Count("events WHERE type = 'happened'"), 3);
  ExpectCleanStore();
}

TEST_F(MirrorTest, ALegacyTableThatIsBrokenOrGoneFailsNothing) {
  Install(LegacyDirection::kStoreToLegacy);
  database_.Execute("ALTER TABLE events RENAME TO elsewhere");
  ASSERT_THAT(Append(5, {Event(1), Event(2)}), IsOk());
  EXPECT_EQ(Count("events_v2"), 2);
  EXPECT_EQ(Count("legacy_failed WHERE error LIKE '%does not exist%'"), 2);
  database_.Execute("ALTER TABLE elsewhere RENAME TO events");
  EXPECT_EQ(ForwardAll().mirrored, 2);
  EXPECT_EQ(Count("events"), 2);
}

TEST_F(MirrorTest, ALockedLegacyTableIsNotWaitedForLong) {
  Install(LegacyDirection::kStoreToLegacy);
  Session other(database_.conninfo(), "other");
  ASSERT_THAT(other.RunScript("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE"), IsOk());
  ASSERT_THAT(Append(5, {Event(1)}), IsOk());
  ASSERT_THAT(other.RunScript("ROLLBACK"), IsOk());
  EXPECT_THAT(Text("SELECT error FROM legacy_failed"), HasSubstr("lock timeout"));
  EXPECT_EQ(ForwardAll().mirrored, 1);
}

TEST_F(MirrorTest, StrictFailsTheAppendThatIsWrongAndNoOther) {
  Install(LegacyDirection::kStoreToLegacy, /*strict=*/true);
  database_.Execute(Rows(9, 2, 1));
  auto good = store_.Start(testing::One(Id(5), VersionCheck::Exact(0), {Event(1)}));
  auto bad = store_.Start(testing::One(Id(6), VersionCheck::Exact(0), {Event(2)}));
  auto also_good = store_.Start(testing::One(Id(7), VersionCheck::Exact(0), {Event(3)}));
  EXPECT_THAT(good.get(), IsOk());
  EXPECT_THAT(also_good.get(), IsOk());
  const auto refused = bad.get();
  EXPECT_THAT(refused, testing::HasMessage(HasSubstr("cannot be written to the legacy table public.events")));
  EXPECT_EQ(Count("events_v2"), 2);
  EXPECT_EQ(Count("legacy_failed"), 0);
  ExpectCleanStore();
}

TEST_F(MirrorTest, TypesThatAreOffWaitAndComeWhenTheyAreOn) {
  Install(LegacyDirection::kStoreToLegacy);
  ASSERT_THAT(SetEventType(session_, "happened", false, "tester"), IsOk());
  ASSERT_THAT(Append(5, {Event(1)}), IsOk());
  EXPECT_EQ(Count("events"), 0);
  EXPECT_EQ(ForwardAll().mirrored, 0);
  ASSERT_THAT(SetEventType(session_, "happened", true, "tester"), IsOk());
  EXPECT_EQ(ForwardAll().mirrored, 1);
  EXPECT_EQ(Count("events"), 1);
}

TEST_F(MirrorTest, AnAppendThatIsRolledBackLeavesNothing) {
  Install(LegacyDirection::kStoreToLegacy);
  ASSERT_THAT(Append(5, {Event(1)}), IsOk());
  EXPECT_FALSE(store_.Append(testing::One(Id(5), VersionCheck::Exact(0), {Event(2)})).ok());
  EXPECT_EQ(Count("events"), 1);
}

TEST_F(MirrorTest, WhatGoesIntoAPartitionThatIsMadeLaterIsThereToo) {
  Install(LegacyDirection::kStoreToLegacy);
  // Where nobody has written before.
  const domain::TimeMicros day = 24'000 * domain::kMicrosPerDay;
  const auto partitions =
      storage::PartitionsOf(Text("SELECT engine FROM store_identity"), Text("SELECT edition FROM store_identity"));
  ASSERT_NE(partitions, nullptr);
  ASSERT_THAT(partitions->Ensure(session_, {day, day + domain::kMicrosPerDay}), IsOk());
  const auto before = Count("pg_inherits WHERE inhparent = 'events_v2'::regclass");
  database_.Execute(
      fmt::format("INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, "
                  "version, source, "
                  "global_position) VALUES ('{}', '{}', '{}', 'entity', 'later', '{{}}', '{{}}', 1, 'api', 1)",
                  Id(1).ToString(), storage::TimestampText(day), Id(2).ToString()));
  EXPECT_EQ(Count("pg_inherits WHERE inhparent = 'events_v2'::regclass"), before + (partitions->made_ahead() ? 0 : 1));
  EXPECT_EQ(Count("events WHERE type = 'later'"), 1);
}

// A row that is no event: somebody looks which chunk would take it. And what an archive gives back.
TEST_F(MirrorTest, WhatIsNoNewsIsNotMirrored) {
  Install(LegacyDirection::kStoreToLegacy);
  const auto insert = [&](std::uint64_t id, int position) {
    return fmt::format(
        "INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, "
        "source, "
        "global_position) VALUES ('{}', now(), '{}', 'entity', 'x', '{{}}', '{{}}', 1, 'api', {});",
        Id(id).ToString(), Id(2).ToString(), position);
  };
  database_.Execute(insert(1, 0));
  EXPECT_EQ(Count("events"), 0);
  database_.Execute(insert(2, 1));
  EXPECT_EQ(Count("events"), 1);

  const std::string line = Text("SELECT to_jsonb(e) || jsonb_build_object('id', '" + Id(3).ToString() +
                                "') FROM events_v2 e WHERE global_position = 1");
  ASSERT_THAT(session_.RunScript("BEGIN"), IsOk());
  storage::EventLineWriter restoring(session_);
  ASSERT_THAT(restoring.Begin(), IsOk());
  ASSERT_THAT(restoring.Add({line}), IsOk());
  auto restored = restoring.Finish();
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->inserted, 1);
  ASSERT_THAT(session_.RunScript("COMMIT"), IsOk());
  EXPECT_EQ(Count("events_v2"), 3);
  EXPECT_EQ(Count("events"), 1);
  EXPECT_EQ(Count("legacy_failed"), 0);
  database_.Execute(insert(4, 1));
  EXPECT_EQ(Count("events"), 2);
}

TEST_F(MirrorTest, TheAggregateIsWhereTheMappingHasIt) {
  const auto link = [&](const std::string& aggregate) {
    auto mapping = eventctl::ParseMapping("[fields]\naggregate_id = \"" + aggregate + "\"\n", "test");
    EXPECT_THAT(mapping, IsOk());
    auto made = eventctl::LinkOf(*mapping);
    EXPECT_THAT(made, IsOk());
    made->direction = LegacyDirection::kStoreToLegacy;
    EXPECT_THAT(InstallLink(session_, *made, "tester", Patience()), IsOk());
  };
  link("data.order.id");
  ASSERT_THAT(Append(5, {Event(1, R"({"x": 1})"), Event(2, R"({"order": {"n": 1}})"), Event(3, R"({"order": "A"})"),
                         Event(4, R"({"order": {"id": "its own"}})")}),
              IsOk());
  EXPECT_EQ(Text("SELECT string_agg(data::text, ' ' ORDER BY id) FROM events"),
            fmt::format("{{\"x\": 1, \"order\": {{\"id\": \"{0}\"}}}} {{\"order\": {{\"n\": 1, \"id\": \"{0}\"}}}} "
                        "{{\"order\": \"A\"}} {{\"order\": {{\"id\": \"its own\"}}}}",
                        Id(5).ToString()));
  ASSERT_THAT(RemoveLink(session_, "tester", Patience()), IsOk());
  database_.Execute("ALTER TABLE events ADD order_no text");
  link("order_no");
  ASSERT_THAT(Append(5, {Event(6)}), IsOk());
  EXPECT_EQ(Text("SELECT order_no || ' ' || data FROM events WHERE id = '" + Id(6).ToString() + "'"),
            Id(5).ToString() + " {}");
}

}  // namespace
}  // namespace eventstore::moving
