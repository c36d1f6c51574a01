#include "tools/eventctl/moving/part_writer.h"

#include <fmt/format.h>

#include <thread>
#include <unordered_set>
#include <utility>

#include "server/domain/error.h"
#include "server/domain/floor_to.h"
#include "server/storage/sql_errors.h"

namespace eventstore::eventctl {
namespace {

using Clock = std::chrono::steady_clock;
using domain::ImportedEvent;
using Kind = domain::ImportVerdict::Kind;

// Bytes of data and metadata in one transaction: what bounds its memory here and there.
constexpr std::size_t kMaxBytes = std::size_t{8} << 20;
constexpr std::chrono::milliseconds kPause{500};

// How many of the first events go into one transaction.
std::size_t PieceOf(std::span<const ImportedEvent> events) {
  std::size_t bytes = 0;
  std::unordered_set<domain::TimeMicros> days;
  std::size_t count = 0;
  for (; count < events.size() && count < storage::Importer::kMaxEvents; ++count) {
    const ImportedEvent& event = events[count];
    bytes += event.event.data.size() + event.event.metadata.size();
    days.insert(domain::FloorTo(event.timestamp, domain::kMicrosPerDay));
    if (count > 0 && (bytes > kMaxBytes || days.size() > storage::Importer::kMaxDays)) break;
  }
  return count;
}

bool DatabaseIsAway(const absl::Status& status) {
  return domain::FromStatus(status).reason == domain::Reason::kDatabaseUnavailable;
}

// Data exceptions, violated constraints and limits: another row may pass. Anything else would fail for all of them.
bool IsOfARow(const absl::Status& status) {
  const std::string state = storage::SqlStateOf(status);
  return state.starts_with("22") || state.starts_with("23") || state.starts_with("54");
}

}  // namespace

PartWriter::PartWriter(const std::string& store, Options options)
    : options_(options), importer_(store, fmt::format("migration {}", options.part)) {
  if (!options.dry_run) importer_.HoldChunksOpen();
}

// Again while the database is away: a batch may be repeated. What it refuses is halved until the culprit is alone.
absl::Status PartWriter::WritePatiently(Events events, const storage::ImportNotes& notes, WrittenPart& written) {
  const auto until = Clock::now() + options_.patience;
  for (;;) {
    auto result = options_.dry_run ? importer_.Rehearse(events) : importer_.WriteNoting(events, notes);
    if (result.ok()) {
      written.counts.written += result->written;
      written.counts.already_there += result->already_there;
      written.counts.clamped += result->clamped;
      for (std::size_t i = 0; i < events.size(); ++i) {
        const domain::ImportVerdict& verdict = result->verdicts[i];
        if (verdict.kind == Kind::kWritten || verdict.kind == Kind::kAlreadyThere) continue;
        const bool taken = verdict.kind == Kind::kIdTaken;
        written.remarks.push_back(
            {events[i].event.id.ToString(), taken ? "id" : "aggregate_id",
             taken ? fmt::format("belongs to another event, of aggregate {}", verdict.other_aggregate.ToString())
                   : "has reached version 2147483647",
             true});
        ++written.counts.skipped;
      }
      return absl::OkStatus();
    }
    if (DatabaseIsAway(result.status())) {
      if (Clock::now() > until) return result.status();
      std::this_thread::sleep_for(kPause);
      continue;
    }
    if (events.empty() || options_.dry_run || !IsOfARow(result.status())) return result.status();
    if (events.size() == 1) {
      written.remarks.push_back({events[0].event.id.ToString(), "row", std::string(result.status().message()), true});
      ++written.counts.skipped;
      return WritePatiently({}, notes, written);
    }
    const auto none = [](const storage::ImportResult&) { return std::vector<storage::ImportNote>(); };
    const std::size_t half = events.size() / 2;
    absl::Status first = WritePatiently(events.first(half), none, written);
    return first.ok() ? WritePatiently(events.subspan(half), notes, written) : first;
  }
}

// In several transactions if they are too many days or bytes for one; the last one has the notes.
absl::Status PartWriter::WritePieces(Events events, const storage::ImportNotes& last, WrittenPart& written) {
  for (;;) {
    const std::size_t count = PieceOf(events);
    const bool is_last = count == events.size();
    const storage::ImportNotes none = [](const storage::ImportResult&) { return std::vector<storage::ImportNote>(); };
    absl::Status done = WritePatiently(events.first(count), is_last ? last : none, written);
    if (!done.ok() || is_last) return done;
    events = events.subspan(count);
  }
}

WrittenPart PartWriter::Write(const MoveBatch& batch) {
  WrittenPart written;
  const std::size_t part = options_.part;
  const storage::ImportNotes note = [&](const storage::ImportResult& result) {
    storage::ImportCounts counts = written.counts;
    counts.events = static_cast<std::int64_t>(batch.parts[part].size());
    counts.written += result.written;
    counts.already_there += result.already_there;
    counts.clamped += result.clamped;
    counts.skipped += static_cast<std::int64_t>(result.verdicts.size()) - result.written - result.already_there;
    if (part == 0) {
      counts.events += batch.skipped;
      counts.skipped += batch.skipped;
    }
    return std::vector{
        storage::ImportRuns::PlaceNote(options_.run, static_cast<int>(part), batch.number, batch.place, counts)};
  };
  written.status = WritePieces(batch.parts[part], note, written);
  return written;
}

}  // namespace eventstore::eventctl
