#include "server/housekeeping/tasks/retention.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/archive/folder.h"
#include "server/domain/error.h"
#include "server/housekeeping/tasks/chunk_archiver.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/partitions.h"
#include "server/storage/sql_errors.h"
#include "server/storage/store_identity.h"

namespace eventstore::housekeeping {
namespace {

using Kind = domain::RetentionStep::Kind;

// A chunk with what is known and decided of it.
struct Candidate {
  storage::Chunk chunk;
  storage::Partition partition;
  domain::ChunkFacts facts;
  domain::RetentionStep step;
};

constexpr storage::Query kNow{"retention_now", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"};

absl::Status NoFolder() {
  return domain::InvalidField(
      "archive_dir",
      "retention archives before it drops, and has no folder to archive to; name one with --archive-dir, or say "
      "--archive none to drop without an archive");
}

domain::TimeMicros HeldUntil(const std::vector<storage::ArchivedChunk>& archived, const domain::TimeRange& range) {
  domain::TimeMicros until = 0;
  for (const auto& chunk : archived) {
    if (chunk.gone() || !chunk.hold_until || chunk.range.from >= range.to || chunk.range.to <= range.from) continue;
    until = std::max(until, *chunk.hold_until);
  }
  return until;
}

// One run.
class RetentionRun {
 public:
  RetentionRun(const RetentionOptions& options, TaskContext& context) : options_(options), context_(context) {
    rules_ = options.rules;
    if (context.parameters.retention_days) rules_.days = *context.parameters.retention_days;
  }

  absl::StatusOr<TaskReport> Execute() {
    if (rules_.off()) {
      report_.summary = "retention is off: all events are kept";
      return report_;
    }
    if (options_.archive && options_.archive_dir.empty()) return NoFolder();
    auto locked = storage::TryLockArchive(context_.session);
    if (!locked.ok()) return locked.status();
    if (!*locked) {
      report_.summary = "another run of retention, or a restore, is at work: nothing was done";
      return report_;
    }
    auto done = Locked();
    storage::UnlockArchive(context_.session);
    return done;
  }

 private:
  absl::StatusOr<TaskReport> Locked() {
    auto identity = storage::EnsureIdentity(context_.session, catalog_);
    if (!identity.ok()) return identity.status();
    if (absl::Status begun = storage::ForgetSelections(context_.session); !begun.ok()) return begun;
    partitions_ = storage::PartitionsOf(identity->engine, identity->edition);
    auto candidates = Plan();
    if (!candidates.ok()) return candidates.status();
    return context_.parameters.dry_run ? Describe(*candidates) : Work(*candidates);
  }

  absl::StatusOr<std::vector<Candidate>> Plan() {
    storage::Session& session = context_.session;
    auto now = session.Run(kNow, {});
    if (!now.ok()) return now.status();
    const auto now_us = (*now)[0][0].as<std::int64_t>();
    auto chunks = catalog_.All(session);
    if (!chunks.ok()) return chunks.status();
    auto listed = partitions_->List(session);
    if (!listed.ok()) return listed.status();
    auto archived = storage::ListArchived(session);
    if (!archived.ok()) return archived.status();
    std::vector<Candidate> candidates;
    std::vector<domain::ChunkFacts> facts;
    for (storage::Partition& partition : *listed) {
      const auto chunk = std::ranges::find(**chunks, partition.table, &storage::Chunk::table);
      const bool old = partition.range.to <= now_us - rules_.FewestDays() * domain::kMicrosPerDay;
      if (chunk == (*chunks)->end() || !old) continue;
      domain::ChunkFacts fact{partition.range, chunk->closed.has_value(), HeldUntil(*archived, partition.range), {}};
      if (!rules_.by_type.empty()) {
        auto types = storage::CountTypes(session, {partition.table});
        if (!types.ok()) return types.status();
        for (const auto& type : *types) fact.types.push_back(type.type);
      }
      facts.push_back(fact);
      candidates.push_back({*chunk, std::move(partition), std::move(fact), {}});
    }
    auto steps = domain::PlanRetention(facts, rules_, now_us);
    for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].step = std::move(steps[i]);
    return candidates;
  }

  // With rules by type, a chunk of which all is over still has to leave what an older one keeps the beginning of.
  std::vector<std::string> TypesOf(const Candidate& candidate) const {
    if (candidate.step.kind == Kind::kThin) return candidate.step.types;
    return rules_.by_type.empty() ? std::vector<std::string>() : candidate.facts.types;
  }

  absl::StatusOr<TaskReport> Describe(const std::vector<Candidate>& candidates) {
    auto& counts = report_.counts;
    for (const char* count :
         {"partitions_to_drop", "partitions_to_thin", "partitions_waiting", "events_to_drop", "bytes_to_free"}) {
      counts[count] = 0;
    }
    std::string waiting;
    std::int64_t told = 0;
    for (const Candidate& candidate : candidates) {
      if (candidate.step.kind == Kind::kWait) {
        ++counts["partitions_waiting"];
        if (waiting.empty())
          waiting = fmt::format("; from {} on: {}", DayText(candidate.facts.range.from), candidate.step.reason);
      }
      if (candidate.step.kind != Kind::kDrop && candidate.step.kind != Kind::kThin) continue;
      storage::EventRows rows{candidate.chunk.table, false};
      const std::vector<std::string> types = TypesOf(candidate);
      if (!types.empty()) {
        absl::Status selected =
            storage::SelectOver(context_.session, candidate.chunk.table, candidate.chunk.range, types);
        if (!selected.ok()) return selected;
        rows.selected = true;
        if (absl::Status noted = storage::NoteSelected(context_.session, candidate.chunk.range); !noted.ok()) {
          return noted;
        }
      }
      auto by_type = storage::CountTypes(context_.session, rows);
      if (!by_type.ok()) return by_type.status();
      std::int64_t events = 0;
      std::string text;
      for (const auto& count : *by_type) {
        events += count.events;
        counts["events_to_drop." + count.type] += count.events;
        text += fmt::format(", {} of {}", count.events, count.type);
      }
      const bool whole = !rows.selected || events == candidate.chunk.closed->events;
      if (!whole && events == 0) continue;
      ++counts[whole ? "partitions_to_drop" : "partitions_to_thin"];
      counts["events_to_drop"] += events;
      if (whole) counts["bytes_to_free"] += candidate.partition.bytes;
      Tell(fmt::format("would {} {} ({} to {}): {} events, {} bytes{}", whole ? "drop" : "thin", candidate.chunk.table,
                       DayText(candidate.facts.range.from), DayText(candidate.facts.range.to), events,
                       whole ? candidate.partition.bytes : 0, text),
           ++told, static_cast<std::int64_t>(candidates.size()));
    }
    report_.summary =
        fmt::format("would drop {} partitions and thin {}: {} events, {} bytes{}", counts["partitions_to_drop"],
                    counts["partitions_to_thin"], counts["events_to_drop"], counts["bytes_to_free"], waiting);
    return report_;
  }

  absl::StatusOr<TaskReport> Work(const std::vector<Candidate>& candidates) {
    auto& counts = report_.counts;
    for (const char* count : {"partitions_dropped", "partitions_thinned", "partitions_waiting", "events_archived",
                              "events_dropped", "bytes_freed", "archive_bytes"}) {
      counts[count] = 0;
    }
    std::optional<archive::Folder> folder;
    if (options_.archive) {
      auto opened = archive::Folder::OpenToWrite(options_.archive_dir);
      if (!opened.ok()) return opened.status();
      folder = *std::move(opened);
    }
    auto store_id = storage::ReadStoreId(context_.session);
    if (!store_id.ok()) return store_id.status();
    ChunkArchiver archiver({options_, context_, *partitions_, folder ? &*folder : nullptr, *store_id});
    std::string waiting;
    std::int64_t done = 0;
    const auto total = static_cast<std::int64_t>(candidates.size());
    for (const Candidate& candidate : candidates) {
      ++done;
      if (candidate.step.kind == Kind::kKeep) continue;
      if (waiting.empty() && candidate.step.kind == Kind::kWait) waiting = candidate.step.reason;
      if (waiting.empty() && context_.stop && context_.stop()) waiting = "the run was stopped";
      if (waiting.empty()) {
        auto outcome = archiver.Run(candidate.chunk, candidate.partition, TypesOf(candidate));
        if (!outcome.ok()) return outcome.status();
        Add(*outcome, candidate);
        waiting = outcome->waiting_for;
        Tell(fmt::format("{} {}", waiting.empty() ? "done with" : "waiting at", DayText(candidate.facts.range.from)),
             done, total);
        if (!waiting.empty()) waiting = fmt::format("{}: {}", DayText(candidate.facts.range.from), waiting);
      }
      if (!waiting.empty()) ++counts["partitions_waiting"];
    }
    report_.summary =
        fmt::format("{} partitions dropped, {} thinned, {} events archived in {} bytes{}", counts["partitions_dropped"],
                    counts["partitions_thinned"], counts["events_archived"], counts["archive_bytes"],
                    waiting.empty() ? "" : fmt::format("; {} waiting: {}", counts["partitions_waiting"], waiting));
    return report_;
  }

  void Add(const ChunkOutcome& outcome, const Candidate& candidate) {
    auto& counts = report_.counts;
    counts["events_archived"] += outcome.archived_events;
    counts["archive_bytes"] += outcome.archive_bytes;
    counts["events_dropped"] += outcome.events;
    if (outcome.kind == ChunkOutcome::Kind::kThinned) ++counts["partitions_thinned"];
    if (outcome.kind != ChunkOutcome::Kind::kDropped) return;
    ++counts["partitions_dropped"];
    counts["bytes_freed"] += candidate.partition.bytes;
  }

  void Tell(std::string doing, std::int64_t done, std::int64_t total) const {
    if (context_.progress) context_.progress({std::move(doing), done, total});
  }

  const RetentionOptions& options_;
  TaskContext& context_;
  domain::RetentionRules rules_;
  storage::ChunkCatalog catalog_;
  std::unique_ptr<storage::Partitions> partitions_;
  TaskReport report_;
};

}  // namespace

RetentionTask::RetentionTask(RetentionOptions options) : options_(std::move(options)) {}

absl::StatusOr<TaskReport> RetentionTask::Run(TaskContext& context) {
  return storage::Caught([&]() -> absl::StatusOr<TaskReport> { return RetentionRun(options_, context).Execute(); });
}

}  // namespace eventstore::housekeeping
