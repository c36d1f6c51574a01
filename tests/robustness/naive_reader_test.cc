// The horizon broken on purpose: a reader that asks for "position > last" and nothing else, as one would write it first, is
// held against the same checker as ours, under the same writers. It must be found to skip, or the checker proves nothing.
#include <atomic>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "server/storage/session.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/open_append.h"
#include "tests/robustness/delivery_record.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;
using ::testing::HasSubstr;

constexpr int kAggregates = 6;

using Events = absl::StatusOr<std::vector<v1::RecordedEvent>>;
// What there is after a position.
using Read = std::function<Events(std::int64_t)>;

v1::RecordedEvent EventOf(const std::string& id, const std::string& aggregate, domain::Version version,
                          domain::Position position) {
  v1::RecordedEvent event;
  event.set_id(id);
  event.set_aggregate_id(aggregate);
  event.set_version(version);
  event.set_global_position(position);
  return event;
}

// Whatever is committed at the moment.
Events ReadNaively(storage::Session& session, std::int64_t after) {
  auto rows = session.RunText(
      "SELECT id, aggregate_id, version, global_position FROM events_v2 WHERE global_position > $1 "
      "ORDER BY global_position",
      {std::to_string(after)});
  if (!rows.ok()) return rows.status();
  std::vector<v1::RecordedEvent> events;
  for (const auto& row : *rows) {
    events.push_back(EventOf(row[0].c_str(), row[1].c_str(), row[2].as<int>(), row[3].as<std::int64_t>()));
  }
  return events;
}

// Up to the horizon.
Events ReadProperly(storage::Session& session, storage::ChunkCatalog& chunks, std::int64_t after) {
  auto read = ReadAllAfter(after, session, chunks);
  if (!read.ok()) return read.status();
  std::vector<v1::RecordedEvent> events;
  for (const auto& event : *read) {
    events.push_back(EventOf(event.id.ToString(), event.aggregate_id.ToString(), event.version, event.global_position));
  }
  return events;
}

// Polls in a thread of its own.
class Poller {
 public:
  // Growing versions: what is looked for is the skip itself, not the gap of versions that gives it away later.
  explicit Poller(Read read) : read_(std::move(read)), thread_([this] { Run(); }) {}
  ~Poller() { Stop(); }

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::int64_t position() const {
    const std::scoped_lock lock(mutex_);
    return record_.position();
  }
  absl::Status CheckAgainst(const std::vector<Stored>& stored) const {
    const std::scoped_lock lock(mutex_);
    return broken_.ok() ? record_.CheckAgainst(stored) : broken_;
  }

 private:
  void Run() {
    while (!stop_) {
      auto events = read_(position());
      const std::scoped_lock lock(mutex_);
      broken_.Update(events.status());
      if (!events.ok()) return;
      for (const auto& event : *events) broken_.Update(record_.TakeEvent(event));
    }
  }

  const Read read_;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  DeliveryRecord record_{Versions::kGrowing, 0};
  absl::Status broken_;
  std::thread thread_;
};

class NaiveReaderTest : public ::testing::Test {
 protected:
  // Batches over two aggregates of any lanes; one writer stays in the second lane and goes on while the first is held. It has
  // an instance of its own: another's writer of that lane may be busy with a batch that needs the first as well.
  void Write(int writer) {
    std::mt19937 random(static_cast<unsigned>(writer));
    std::uint64_t next = static_cast<std::uint64_t>(writer + 1) << 24;
    Instance& instance = instances_[writer == 0 ? 2 : writer % 2];
    while (!stop_) {
      std::vector<domain::Append> appends;
      for (int i = 0; i < 2; ++i) {
        const int lane = writer == 0 ? 1 : static_cast<int>(random() % 2);
        appends.push_back(AppendOf(AggregateIn(lane, static_cast<int>(random() % kAggregates)), VersionCheck::Any(),
                                   {Event(next++)}));
      }
      ASSERT_THAT(instance.Append(Several(appends)), IsOk());
    }
  }

  std::vector<Stored> Everything() {
    std::vector<Stored> stored;
    const auto events = ReadNaively(session_, 0);
    EXPECT_THAT(events, IsOk());
    for (const auto& event : *events) stored.push_back({event.id(), event.global_position()});
    return stored;
  }

  TestDatabase database_;
  Instance instances_[3] = {Instance(database_.conninfo()), Instance(database_.conninfo()),
                            Instance(database_.conninfo())};
  storage::Session session_{database_.conninfo(), "test"};
  std::atomic<bool> stop_ = false;
};

TEST_F(NaiveReaderTest, AReaderWithoutTheHorizonIsFoundToSkip) {
  storage::Session naive_session(database_.conninfo(), "naive");
  storage::Session proper_session(database_.conninfo(), "proper");
  storage::ChunkCatalog chunks;
  Poller naive([&](std::int64_t after) { return ReadNaively(naive_session, after); });
  Poller proper([&](std::int64_t after) { return ReadProperly(proper_session, chunks, after); });
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) writers.emplace_back([this, i] { Write(i); });
  EXPECT_TRUE(Eventually([&] { return proper.position() > 0 && naive.position() > 0; }));

  // It has its position and is not committed; others with greater ones are.
  OpenAppend open(database_.conninfo(), One(AggregateIn(0), VersionCheck::Any(), {Event(1)}));
  const std::int64_t held = open.first().global_position;
  EXPECT_TRUE(Eventually([&] { return naive.position() > held; })) << "nobody passed it: the test proves nothing";
  EXPECT_LT(proper.position(), held);
  open.Commit();

  stop_ = true;
  for (auto& writer : writers) writer.join();
  const std::vector<Stored> stored = Everything();
  for (Poller* poller : {&naive, &proper}) {
    EXPECT_TRUE(Eventually([&] { return poller->position() >= stored.back().position; }));
    poller->Stop();
  }
  EXPECT_THAT(proper.CheckAgainst(stored), IsOk());
  const absl::Status found = naive.CheckAgainst(stored);
  std::printf("of the naive reader: %s\n", found.ToString().c_str());
  EXPECT_THAT(found, HasMessage(HasSubstr("was skipped")));
}

}  // namespace
}  // namespace eventstore::testing
