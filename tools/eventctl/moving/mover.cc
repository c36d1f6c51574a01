#include "tools/eventctl/moving/mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "server/domain/error.h"
#include "server/domain/lane.h"
#include "server/storage/sql_errors.h"
#include "tools/eventctl/moving/chunk_plan.h"

namespace eventstore::eventctl {
namespace {

using Clock = std::chrono::steady_clock;
using domain::ImportedEvent;
using Events = std::span<const ImportedEvent>;
using Kind = domain::ImportVerdict::Kind;

// Bytes of data and metadata in one transaction: what bounds its memory here and there.
constexpr std::size_t kMaxBytes = std::size_t{8} << 20;
// Rows that arrived while a pass went on are worth another one; what comes after so few is for the dual write.
constexpr std::int64_t kWorthAnotherPass = 1'000;
constexpr std::chrono::milliseconds kPause{500};

domain::TimeMicros DayOf(domain::TimeMicros time) {
  return time / domain::kMicrosPerDay - (time % domain::kMicrosPerDay < 0 ? 1 : 0);
}

// How many of the first events go into one transaction.
std::size_t PieceOf(Events events) {
  std::size_t bytes = 0;
  std::unordered_set<domain::TimeMicros> days;
  std::size_t count = 0;
  for (; count < events.size() && count < storage::Importer::kMaxEvents; ++count) {
    const ImportedEvent& event = events[count];
    bytes += event.event.data.size() + event.event.metadata.size();
    days.insert(DayOf(event.timestamp));
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

domain::TimeMicros ProposeChunkInterval(std::int64_t rows, domain::TimeMicros first, domain::TimeMicros last) {
  constexpr std::int64_t kMostChunks = 200;
  constexpr std::int64_t kManyRows = 10'000;
  domain::TimeMicros interval = domain::kMicrosPerDay;
  for (const int days : {1, 7, 30, 91, 365}) {
    interval = days * domain::kMicrosPerDay;
    const std::int64_t chunks = ChunksOf(first, last, interval);
    if (chunks <= kMostChunks || rows / chunks >= kManyRows) break;
  }
  return interval;
}

std::int64_t ChunksOf(domain::TimeMicros first, domain::TimeMicros last, domain::TimeMicros interval) {
  return (last - first) / interval + 1;
}

struct Mover::Batch {
  std::int64_t number = 0;
  std::int64_t rows = 0;
  std::vector<std::vector<ImportedEvent>> parts;
  std::vector<MoveRemark> remarks;
  std::optional<storage::ImportPlace> place;
  std::int64_t skipped = 0;
};

struct Mover::Written {
  absl::Status status = absl::OkStatus();
  storage::ImportCounts counts;
  std::vector<MoveRemark> remarks;
};

Mover::Mover(const std::string& store, LegacySource& source, const RowMapper& mapper, MoveOptions options,
             storage::ImportRun run)
    : source_(source), mapper_(mapper), options_(options), run_(std::move(run)), place_(run_.place), batch_(run_.batch) {
  for (int part = 0; part < options_.writers; ++part) {
    importers_.push_back(std::make_unique<storage::Importer>(store, fmt::format("migration {}", part)));
    importers_.back()->UseChunkInterval(options_.chunk_interval);
    if (!options_.dry_run) importers_.back()->HoldChunksOpen();
  }
}

Mover::~Mover() = default;

absl::StatusOr<Mover::Batch> Mover::Read() {
  Batch batch;
  batch.parts.resize(importers_.size());
  int most = options_.batch_size;
  if (options_.limit > 0) most = static_cast<int>(std::min<std::int64_t>(most, options_.limit - report_.counts.events));
  if (most <= 0) return batch;
  auto rows = source_.Next(most);
  if (!rows.ok()) return rows.status();
  ended_ = rows->empty();
  if (ended_) return batch;
  batch.number = ++batch_;
  batch.rows = static_cast<std::int64_t>(rows->size());
  pass_rows_ += batch.rows;
  report_.counts.events += batch.rows;
  const Provenance provenance{run_.id.ToString(), batch.number};
  for (const SourceRow& row : *rows) {
    if (row.time && row.id) place_ = storage::ImportPlace{*row.time, *row.id};
    MappedRow mapped = mapper_.Map(row, provenance);
    if (const auto first = mapped.event ? twice_.find(*row.id) : twice_.end();
        first != twice_.end() && first->second != *row.time) {
      mapped = {std::nullopt, false, "id", "was used by an earlier row"};
    }
    if (!mapped.event) {
      batch.remarks.push_back({row.id.value_or(""), mapped.field, mapped.reason, true});
      ++batch.skipped;
      continue;
    }
    if (mapped.fresh_aggregate) {
      batch.remarks.push_back({*row.id, "aggregate_id",
                               "is missing; the event got an aggregate of its own, " +
                                   mapped.event->aggregate_id.ToString(),
                               false});
    }
    const int lane = domain::LaneOf(mapped.event->aggregate_id, lanes_);
    ++report_.types[mapped.event->event.event_type];
    if (options_.dry_run) aggregates_.insert(mapped.event->aggregate_id);
    batch.parts[static_cast<std::size_t>(lane) % batch.parts.size()].push_back(*std::move(mapped.event));
  }
  batch.place = place_;
  return batch;
}

// Again while the database is away: a batch may be repeated. What it refuses is halved until the culprit is alone.
absl::Status Mover::WritePatiently(storage::Importer& importer, Events events, const storage::ImportNotes& notes,
                                   Written& written) {
  const auto until = Clock::now() + options_.patience;
  for (;;) {
    auto result = options_.dry_run ? importer.Rehearse(events) : importer.WriteNoting(events, notes);
    if (result.ok()) {
      written.counts.written += result->written;
      written.counts.already_there += result->already_there;
      written.counts.clamped += result->clamped;
      for (std::size_t i = 0; i < events.size(); ++i) {
        const domain::ImportVerdict& verdict = result->verdicts[i];
        if (verdict.kind == Kind::kWritten || verdict.kind == Kind::kAlreadyThere) continue;
        const bool taken = verdict.kind == Kind::kIdTaken;
        written.remarks.push_back({events[i].event.id.ToString(), taken ? "id" : "aggregate_id",
                                   taken ? fmt::format("belongs to another event, of aggregate {}",
                                                       verdict.other_aggregate.ToString())
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
      written.remarks.push_back(
          {events[0].event.id.ToString(), "row", std::string(result.status().message()), true});
      ++written.counts.skipped;
      return WritePatiently(importer, {}, notes, written);
    }
    const auto none = [](const storage::ImportResult&) { return std::vector<storage::ImportNote>(); };
    const std::size_t half = events.size() / 2;
    absl::Status first = WritePatiently(importer, events.first(half), none, written);
    return first.ok() ? WritePatiently(importer, events.subspan(half), notes, written) : first;
  }
}

// In several transactions if they are too many days or bytes for one; the last one has the notes.
absl::Status Mover::WritePieces(storage::Importer& importer, Events events, const storage::ImportNotes& last,
                                Written& written) {
  for (;;) {
    const std::size_t count = PieceOf(events);
    const bool is_last = count == events.size();
    const storage::ImportNotes none = [](const storage::ImportResult&) { return std::vector<storage::ImportNote>(); };
    absl::Status done = WritePatiently(importer, events.first(count), is_last ? last : none, written);
    if (!done.ok() || is_last) return done;
    events = events.subspan(count);
  }
}

Mover::Written Mover::WritePart(const Batch& batch, std::size_t part) {
  Written written;
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
        storage::ImportRuns::PlaceNote(run_.id, static_cast<int>(part), batch.number, batch.place, counts)};
  };
  written.status = WritePieces(*importers_[part], batch.parts[part], note, written);
  return written;
}

std::vector<Mover::Written> Mover::WriteAll(const Batch& batch) {
  std::vector<std::future<Written>> started;
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    started.push_back(std::async(std::launch::async, [this, &batch, part] { return WritePart(batch, part); }));
  }
  std::vector<Written> written;
  for (auto& one : started) written.push_back(one.get());
  return written;
}

absl::Status Mover::Count(const Batch& batch, const std::vector<Written>& written, const Remark& remark) {
  absl::Status status = absl::OkStatus();
  const auto tell = [&](const MoveRemark& one) {
    if (one.skipped) {
      ++report_.counts.skipped;
      ++report_.skipped_by_reason[one.field];
    } else {
      ++report_.fresh_aggregates;
    }
    remark(one);
  };
  for (const MoveRemark& one : batch.remarks) tell(one);
  for (const Written& part : written) {
    report_.counts.written += part.counts.written;
    report_.counts.already_there += part.counts.already_there;
    report_.counts.clamped += part.counts.clamped;
    for (const MoveRemark& one : part.remarks) tell(one);
    status.Update(part.status);
  }
  ++report_.batches;
  report_.aggregates = static_cast<std::int64_t>(aggregates_.size());
  return status;
}

absl::Status Mover::Pass(const Remark& remark, const Progress& progress, const Stop& stop) {
  pass_rows_ = 0;
  ended_ = false;
  const auto began = Clock::now();
  const double before = report_.seconds;
  auto batch = Read();
  while (batch.ok() && batch->rows > 0) {
    auto writing = std::async(std::launch::async, [&, this] { return WriteAll(*batch); });
    auto next = stop() ? absl::StatusOr<Batch>(Batch{}) : Read();
    absl::Status counted = Count(*batch, writing.get(), remark);
    report_.seconds = before + std::chrono::duration<double>(Clock::now() - began).count();
    if (!counted.ok()) return counted;
    progress(report_);
    batch = std::move(next);
  }
  return batch.status();
}

absl::Status Mover::Run(const Remark& remark, const Progress& progress, const Stop& stop) {
  if (absl::Status prepared = importers_.front()->Prepare(); !prepared.ok()) return prepared;
  lanes_ = importers_.front()->lanes();
  auto twice = source_.TwiceUsedIds();
  if (!twice.ok()) return twice.status();
  twice_ = *std::move(twice);
  for (bool first = true;; first = false) {
    if (absl::Status sought = source_.Seek(place_, first); !sought.ok()) return sought;
    if (absl::Status passed = Pass(remark, progress, stop); !passed.ok()) return passed;
    if (!ended_) return absl::OkStatus();
    if (source_.columns().lines || pass_rows_ < kWorthAnotherPass) break;
  }
  report_.complete = true;
  return absl::OkStatus();
}

}  // namespace eventstore::eventctl
