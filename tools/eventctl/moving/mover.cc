#include "tools/eventctl/moving/mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/domain/lane.h"
#include "server/storage/sql_errors.h"

namespace eventstore::eventctl {
namespace {

using Clock = std::chrono::steady_clock;

// Rows that arrived while a pass went on are worth another one; what comes after so few is for the dual write.
constexpr std::int64_t kWorthAnotherPass = 1'000;

}  // namespace

Mover::Mover(const std::string& store, LegacySource& source, const RowMapper& mapper, MoveOptions options,
             storage::ImportRun run)
    : source_(source),
      mapper_(mapper),
      options_(options),
      run_(std::move(run)),
      chunk_maker_(std::make_shared<storage::ChunkMaker>(options.chunk_interval)),
      chunk_session_(store, "migration chunks"),
      place_(run_.place),
      batch_(run_.batch) {
  for (std::size_t part = 0; part < static_cast<std::size_t>(options_.writers); ++part) {
    writers_.push_back(
        std::make_unique<PartWriter>(store, PartWriter::Options{run_.id, part, options_.dry_run, options_.patience}));
    writers_.back()->importer().UseChunkMaker(chunk_maker_);
  }
}

Mover::~Mover() = default;

void Mover::Fetch() {
  ahead_ = std::async(std::launch::async,
                      [this] { return storage::Caught([&] { return source_.Next(options_.batch_size); }); });
}

absl::StatusOr<MoveBatch> Mover::Read() {
  MoveBatch batch;
  batch.parts.resize(writers_.size());
  if (!ahead_.valid()) Fetch();
  auto rows = ahead_.get();
  if (!rows.ok()) return rows.status();
  ended_ = rows->empty();
  if (ended_) return batch;
  const std::int64_t left = options_.limit > 0 ? options_.limit - report_.counts.events : INT64_MAX;
  if (left < static_cast<std::int64_t>(rows->size())) {
    rows->resize(static_cast<std::size_t>(std::max<std::int64_t>(left, 0)));
  } else {
    Fetch();
  }
  if (rows->empty()) return batch;
  batch.number = ++batch_;
  batch.rows = static_cast<std::int64_t>(rows->size());
  pass_rows_ += batch.rows;
  report_.counts.events += batch.rows;
  const Provenance provenance{run_.id.ToString(), batch.number};
  for (const SourceRow& row : *rows) MapInto(row, provenance, batch);
  batch.place = place_;
  return batch;
}

void Mover::MapInto(const SourceRow& row, const Provenance& provenance, MoveBatch& batch) {
  if (row.time && row.id) place_ = storage::ImportPlace{*row.time, *row.id};
  MappedRow mapped = mapper_.Map(row, provenance);
  if (const auto first = mapped.event ? twice_.find(*row.id) : twice_.end();
      first != twice_.end() && first->second != *row.time) {
    mapped = {std::nullopt, false, "id", "was used by an earlier row"};
  }
  if (!mapped.event) {
    batch.remarks.push_back({row.id.value_or(""), mapped.field, mapped.reason, true});
    ++batch.skipped;
    return;
  }
  if (mapped.fresh_aggregate) {
    batch.remarks.push_back(
        {*row.id, "aggregate_id",
         "is missing; the event got an aggregate of its own, " + mapped.event->aggregate_id.ToString(), false});
  }
  const int lane = domain::LaneOf(mapped.event->aggregate_id, lanes_);
  ++report_.types[mapped.event->event.event_type];
  if (options_.dry_run) aggregates_.insert(mapped.event->aggregate_id);
  batch.parts[static_cast<std::size_t>(lane) % batch.parts.size()].push_back(*std::move(mapped.event));
}

// So that writers find them, and need not make them with their lanes taken. What goes wrong here the writers meet as well,
// and know what to do. Times that are raised are no matter: where there is an event there is a chunk.
void Mover::MakeChunks(const MoveBatch& batch) {
  if (options_.dry_run) return;
  std::vector<domain::TimeMicros> times;
  for (const auto& part : batch.parts) {
    for (const domain::ImportedEvent& event : part) times.push_back(event.timestamp);
  }
  std::ranges::sort(times);
  storage::Caught([&]() -> absl::Status {
    if (absl::Status connected = chunk_session_.EnsureConnected(); !connected.ok()) return connected;
    return chunk_maker_->Make(chunk_session_, *partitions_, times);
  }).IgnoreError();
}

absl::Status Mover::Count(const PartWriters::Done& done, const Remark& remark) {
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
  for (const MoveRemark& one : done.batch.remarks) tell(one);
  for (const WrittenPart& part : done.parts) {
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
  PartWriters writing(writers_);
  const auto count = [&](const PartWriters::Done& done) {
    absl::Status counted = Count(done, remark);
    report_.seconds = before + std::chrono::duration<double>(Clock::now() - began).count();
    if (counted.ok()) progress(report_);
    return counted;
  };
  absl::StatusOr<MoveBatch> batch = Read();
  while (batch.ok() && batch->rows > 0) {
    auto making = std::async(std::launch::async, [&] { MakeChunks(*batch); });
    auto next = stop() ? absl::StatusOr<MoveBatch>(MoveBatch()) : Read();
    making.get();
    PartWriters::Done done;
    while (writing.AwaitRoom(done)) {
      if (absl::Status counted = count(done); !counted.ok()) return counted;
    }
    writing.Put(*std::move(batch));
    batch = std::move(next);
  }
  if (!batch.ok()) return batch.status();
  while (const auto done = writing.Next()) {
    if (absl::Status counted = count(*done); !counted.ok()) return counted;
  }
  return absl::OkStatus();
}

absl::Status Mover::Run(const Remark& remark, const Progress& progress, const Stop& stop) {
  if (absl::Status prepared = writers_.front()->importer().Prepare(); !prepared.ok()) return prepared;
  const storage::StoreIdentity& identity = writers_.front()->importer().identity();
  lanes_ = identity.lanes;
  partitions_ = storage::PartitionsOf(identity.engine, identity.edition);
  auto twice = source_.TwiceUsedIds();
  if (!twice.ok()) return twice.status();
  twice_ = *std::move(twice);
  for (bool first = true;; first = false) {
    if (ahead_.valid()) ahead_.wait();
    ahead_ = {};
    if (absl::Status sought = source_.Seek(place_, first); !sought.ok()) return sought;
    if (absl::Status passed = Pass(remark, progress, stop); !passed.ok()) return passed;
    if (!ended_) return absl::OkStatus();
    if (source_.columns().lines || pass_rows_ < kWorthAnotherPass) break;
  }
  report_.complete = true;
  return absl::OkStatus();
}

}  // namespace eventstore::eventctl
