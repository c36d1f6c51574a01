// A store of some days that are closed, and retention on it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "server/archive/folder.h"
#include "server/domain/system_clock.h"
#include "server/housekeeping/tasks/restore.h"
#include "server/housekeeping/tasks/retention.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/chunk_closer.h"
#include "tests/integration/cursors/cursor_fixture.h"
#include "tests/support/temp_dir.h"

namespace eventstore::testing {

class RetentionTest : public CursorTest {
 protected:
  using Report = absl::StatusOr<housekeeping::TaskReport>;

  std::int64_t Number(const std::string& sql) const { return database_.Execute(sql)[0][0].as<std::int64_t>(); }
  std::string Text(const std::string& sql) const { return database_.Execute(sql)[0][0].c_str(); }

  void Close() const {
    storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = 1'000});
    auto step = closer.Step({});
    ASSERT_THAT(step, IsOk());
    ASSERT_EQ(step->left, 0);
  }

  // Days of the History that are kept, counted from its end; its last day ends today at midnight.
  housekeeping::RetentionOptions Options(int days) const {
    housekeeping::RetentionOptions options;
    options.rules.days = days;
    options.archive_dir = archive_dir();
    options.lock_timeout = std::chrono::milliseconds(50);
    options.lock_pause = std::chrono::milliseconds(1);
    return options;
  }

  // A History whose last day was yesterday.
  static History Past(int days, int events_a_day) {
    History history{.days = days, .events_a_day = events_a_day};
    const domain::TimeMicros now = domain::SystemClock().Now();
    history.start = (now / domain::kMicrosPerDay - days) * domain::kMicrosPerDay;
    return history;
  }

  Report Run(const housekeeping::RetentionOptions& options, housekeeping::TaskParameters parameters = {}) {
    housekeeping::RetentionTask task(options);
    storage::Session session(database_.conninfo(), "housekeeper");
    const domain::SystemClock clock;
    housekeeping::TaskContext context{
        session, clock, parameters,
        [this](const housekeeping::TaskProgress& progress) { told_.push_back(progress.doing); }, stop_};
    if (auto set = session.RunScript("SET lock_timeout = '5s'"); !set.ok()) return set.status();
    return task.Run(context);
  }

  absl::StatusOr<std::vector<housekeeping::RestoredFile>> Restore(const housekeeping::RestoreOptions& options) {
    auto folder = archive::Folder::OpenToRead(archive_dir());
    if (!folder.ok()) return folder.status();
    storage::Session session(database_.conninfo(), "restore");
    return housekeeping::RestoreArchives(session, *folder, options, {});
  }

  std::vector<archive::Entry> Files() const {
    auto folder = archive::Folder::OpenToRead(archive_dir());
    if (!folder.ok()) return {};
    auto entries = folder->List();
    EXPECT_THAT(entries, IsOk());
    return entries.ok() ? *entries : std::vector<archive::Entry>();
  }

  // Every file is whole; the number of events in all of them.
  std::int64_t ExpectArchiveWhole() const {
    auto folder = archive::Folder::OpenToRead(archive_dir());
    EXPECT_THAT(folder, IsOk());
    std::int64_t events = 0;
    for (const archive::Entry& entry : Files()) {
      auto whole = folder->Verify(entry.file, nullptr);
      EXPECT_THAT(whole, IsOk()) << entry.file;
      if (whole.ok()) events += whole->footer.events;
    }
    return events;
  }

  std::string archive_dir() const { return folder_.path() + "/archive"; }

  // Every row with every value, in one digest.
  std::string Everything() const {
    return Text("SELECT md5(string_agg(e::text, ',' ORDER BY global_position)) FROM events_v2 e");
  }

  TempDir folder_;
  std::vector<std::string> told_;
  std::function<bool()> stop_;
};

}  // namespace eventstore::testing
