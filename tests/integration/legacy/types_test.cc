// Event types that are switched off and on again while both sides are written to: nothing is lost, and what waits is counted.
#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "server/moving/move_check.h"
#include "server/moving/move_facts.h"
#include "tests/integration/legacy/legacy_fixture.h"
#include "tests/integration/store/eventually.h"

namespace eventstore::moving {
namespace {

using testing::Event;
using testing::Id;
using testing::IsOk;

class TypesTest : public LegacyTest {
 protected:
  // Both sides, beside the test, until Stop().
  void Start() {
    writer_ = std::thread([this] {
      for (int n = 1'000; !stop_; ++n) {
        database_.Execute(Rows(1 + n % 3, n, 1, n % 2 == 0 ? "old.even" : "old.odd"));
        ++written_;
      }
    });
    appender_ = std::thread([this] {
      for (std::uint64_t n = 900'000; !stop_; ++n) {
        domain::NewEvent event = Event(n);
        event.event_type = n % 2 == 0 ? "new.even" : "new.odd";
        ASSERT_THAT(store_.Append(testing::One(Id(1 + n % 3), domain::VersionCheck::Any(), {event})), IsOk());
        ++appended_;
      }
    });
  }

  void Stop() {
    stop_ = true;
    writer_.join();
    appender_.join();
  }

  // So many more of each, with the forwarder at work.
  void Await(int more) {
    const int written = written_ + more, appended = appended_ + more;
    ASSERT_TRUE(testing::Eventually([&] {
      ForwardAll();
      return written_ >= written && appended_ >= appended;
    }));
  }

  void Set(const std::string& type, bool enabled) {
    ASSERT_THAT(SetEventType(session_, type, enabled, "tester"), IsOk());
  }

  std::int64_t Waiting(const std::string& type) {
    auto status = ReadDualWriteStatus(session_, std::chrono::hours(1));
    EXPECT_THAT(status, IsOk());
    if (!status.ok()) return -1;
    for (const TypeComparison& one : status->types) {
      if (one.event_type == type) return one.waiting;
    }
    return 0;
  }

  std::atomic<bool> stop_ = false;
  std::atomic<int> written_ = 0, appended_ = 0;
  testing::Instance store_{database_.conninfo()};
  std::thread writer_, appender_;
};

TEST_F(TypesTest, SwitchedOffAndOnUnderLoad) {
  Install(LegacyDirection::kBoth);
  Start();
  Await(10);
  for (int round = 0; round < 3; ++round) {
    for (const char* type : {"old.even", "new.odd"}) Set(type, false);
    Await(10);
    EXPECT_GT(Waiting("old.even"), 0);
    EXPECT_GT(Waiting("new.odd"), 0);
    for (const char* type : {"old.even", "new.odd"}) Set(type, true);
    Await(10);
  }
  Set("old.odd", false);
  Set("new.even", false);
  Await(10);
  Stop();
  ForwardAll();
  auto status = ReadDualWriteStatus(session_, std::chrono::hours(1));
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->facts.held_rows,
            Count("events WHERE type = 'old.odd'") + Count("events_v2 WHERE event_type = 'new.even'") -
                Count("events_v2 WHERE event_type = 'old.odd'") - Count("events WHERE type = 'new.even'"));
  EXPECT_GT(status->facts.held_rows, 0);
  EXPECT_EQ(status->facts.waiting_rows, 0);
  EXPECT_EQ(status->mismatches(), 0) << "what waits is no mismatch";

  Set("old.odd", true);
  Set("new.even", true);
  ForwardAll(1'000);
  EXPECT_EQ(Count("events"), written_ + appended_);
  EXPECT_EQ(Count("events_v2"), written_ + appended_);
  auto found = CompareWithLegacy(database_.conninfo());
  ASSERT_THAT(found, IsOk());
  EXPECT_TRUE(found->clean());
  EXPECT_EQ(found->waiting, 0);
  ExpectCleanStore();
}

TEST_F(TypesTest, OnlyThoseThatAreNamed) {
  LegacyLink link;
  link.direction = LegacyDirection::kBoth;
  link.enabled_event_types = {"a"};
  ASSERT_THAT(InstallLink(session_, link, "tester", Patience()), IsOk());
  database_.Execute(Rows(1, 1, 2, "a") + Rows(1, 3, 2, "b"));
  EXPECT_EQ(ForwardAll().taken, 2);
  Set("b", true);
  EXPECT_EQ(ForwardAll().taken, 2);
  Set("a", false);
  database_.Execute(Rows(1, 5, 1, "a"));
  EXPECT_EQ(ForwardAll().taken, 0);
  EXPECT_EQ(
      Text("SELECT string_agg(step || ' ' || detail, ', ' ORDER BY seq) FROM cutover_log WHERE step <> 'install'"),
      "enable b, disable a");
}

// The lag is the age of the oldest row that waits; a row that is missing is a mismatch of its type, on either side.
TEST_F(TypesTest, StatusTellsLagAndMismatches) {
  Install(LegacyDirection::kBoth);
  database_.Execute(Rows(1, 1, 3, "a") + Rows(1, 4, 2, "b"));
  auto status = ReadDualWriteStatus(session_, std::chrono::hours(1));
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->facts.waiting_rows, 5);
  EXPECT_EQ(status->mismatches(), 0);
  database_.Execute(
      "UPDATE legacy_outbox SET noted_at = noted_at - interval '2 minutes' WHERE payload ->> 'type' = 'b'");
  status = ReadDualWriteStatus(session_, std::chrono::hours(1));
  ASSERT_THAT(status, IsOk());
  EXPECT_GE(status->lag_seconds, 120);
  ForwardAll();
  ASSERT_THAT(store_.Append(testing::One(Id(9), domain::VersionCheck::Any(), {Event(100)})), IsOk());
  status = ReadDualWriteStatus(session_, std::chrono::hours(1));
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->lag_seconds, 0);
  EXPECT_EQ(status->mismatches(), 0);

  // Behind everybody's back.
  database_.Execute("DELETE FROM events_v2 WHERE id = '" + Id(4).ToString() + "'");
  database_.Execute("ALTER TABLE events DISABLE TRIGGER ALL; DELETE FROM events WHERE id = '" + Id(100).ToString() +
                    "'");
  status = ReadDualWriteStatus(session_, std::chrono::hours(1));
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->mismatches(), 2);
  std::string told;
  for (const TypeComparison& one : status->types) {
    told += fmt::format("{} {} {} {} {}, ", one.event_type, one.legacy_rows, one.store_events, one.missing_in_store,
                        one.missing_in_legacy);
  }
  EXPECT_EQ(told, "a 3 3 0 0, b 2 1 1 0, happened 0 1 0 1, ");
}

}  // namespace
}  // namespace eventstore::moving
