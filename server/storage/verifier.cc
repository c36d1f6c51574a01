#include "server/storage/verifier.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/held_snapshot.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"
#include "server/storage/verifier_sql.h"

namespace eventstore::storage {
namespace {

using Result = absl::StatusOr<pqxx::result>;

// One run of the verifier: its two sessions and what they have found so far.
class Verification {
 public:
  Verification(const std::string& conninfo, const VerifyOptions& options, const Verifier::Progress& progress)
      : snapshot_(conninfo, "verifier snapshot"),
        worker_(conninfo, "verifier"),
        options_(options),
        max_(options.max_violations),
        report_progress_(progress) {}

  absl::StatusOr<VerifyReport> Run() {
    using Step = absl::Status (Verification::*)();
    for (const Step step :
         {&Verification::TakeSnapshot, &Verification::ListChunks, &Verification::ScanChunks, &Verification::CheckOrder,
          &Verification::CheckHeads, &Verification::CheckDuplicates, &Verification::CheckDirectory}) {
      if (absl::Status done = (this->*step)(); !done.ok()) return done;
    }
    return std::move(report_);
  }

 private:
  absl::Status TakeSnapshot() {
    if (absl::Status taken = snapshot_.Take(); !taken.ok()) return taken;
    if (auto made = worker_.RunScript(verifier_sql::kTemporaryTables); !made.ok()) return made.status();
    if (options_.working) options_.working(worker_.backend_pid());
    return worker_.SetStatementTimeout(options_.statement_timeout);
  }

  template <typename F>
  Result InSnapshot(F&& statement) {
    return snapshot_.Run(worker_, statement);
  }

  // `sql` with {} for the chunk's table. False when retention has dropped the chunk since the snapshot.
  absl::StatusOr<bool> OnChunk(std::size_t chunk, const char* sql, const std::string& arg, pqxx::result* rows) {
    auto result =
        InSnapshot([&] { return worker_.RunText(fmt::format(fmt::runtime(sql), chunks_[chunk].table), {arg}); });
    if (!result.ok()) {
      constexpr char kUndefinedTable[] = "42P01";
      if (SqlStateOf(result.status()) == kUndefinedTable) return false;
      return result.status();
    }
    if (rows != nullptr) *rows = *result;
    return true;
  }

  absl::Status ListChunks() {
    auto listed = snapshot_.Chunks(worker_);
    if (!listed.ok()) return listed.status();
    chunks_ = *std::move(listed);
    if (options_.since) std::erase_if(chunks_, [&](const Chunk& chunk) { return chunk.range.from < *options_.since; });
    return absl::OkStatus();
  }

  absl::Status ScanChunks() {
    ShowProgress("chunks", 0);
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      pqxx::result rows;
      auto scanned = OnChunk(i, verifier_sql::kScanChunk, fmt::format("{}", i), &rows);
      if (!scanned.ok()) return scanned.status();
      if (*scanned) {
        ++report_.chunks;
        report_.events += rows[0][0].as<std::int64_t>();
        oldest_ = std::min(oldest_, chunks_[i].range.from);
      } else {
        ++report_.chunks_dropped_meanwhile;
      }
      ShowProgress("chunks", static_cast<int>(i) + 1);
    }
    return worker_.RunScript("ANALYZE verify_ids; ANALYZE verify_runs").status();
  }

  absl::Status CheckOrder() {
    ShowProgress("order", static_cast<int>(chunks_.size()));
    if (auto totals = worker_.Run(verifier_sql::kTotals, {}); !totals.ok()) return totals.status();
    return Find(verifier_sql::kBrokenChunks, verifier_sql::kFetchAggregates, verifier_sql::kOrder);
  }

  absl::Status CheckHeads() {
    ShowProgress("heads", static_cast<int>(chunks_.size()));
    const std::string heads_since = options_.since ? TimestampText(*options_.since) : "-infinity";
    auto copied = InSnapshot([&] { return worker_.Run(verifier_sql::kCopyHeads, {heads_since}); });
    if (copied.ok()) copied = InSnapshot([&] { return worker_.Run(verifier_sql::kCopyGone, {}); });
    if (!copied.ok()) return copied.status();
    const std::string oldest = TimestampText(oldest_);
    auto counts = worker_.Run(verifier_sql::kCounts, {oldest});
    if (!counts.ok()) return counts.status();
    report_.aggregates = (*counts)[0][0].as<std::int64_t>();
    report_.aggregates_without_beginning = (*counts)[0][1].as<std::int64_t>();
    report_.aggregates_without_events = (*counts)[0][2].as<std::int64_t>();
    auto rows = worker_.Run(verifier_sql::kHeads, {oldest, Room()});
    if (!rows.ok()) return rows.status();
    Collect(*rows);
    return absl::OkStatus();
  }

  absl::Status CheckDuplicates() {
    ShowProgress("duplicates", static_cast<int>(chunks_.size()));
    absl::Status ids = Find(verifier_sql::kDuplicateIds, verifier_sql::kFetchIds, verifier_sql::kIdRows);
    if (!ids.ok()) return ids;
    return Find(verifier_sql::kDuplicatePositions, verifier_sql::kFetchPositions, verifier_sql::kPositionRows);
  }

  absl::Status CheckDirectory() {
    ShowProgress("directory", static_cast<int>(chunks_.size()));
    for (std::size_t i = 0; i < chunks_.size() && !report_.more_violations; ++i) {
      if (!chunks_[i].closed) continue;
      pqxx::result rows;
      auto compared = OnChunk(i, verifier_sql::kDirectory, TimestampText(chunks_[i].range.from), &rows);
      if (!compared.ok()) return compared.status();
      if (*compared) Collect(rows);
    }
    return absl::OkStatus();
  }

  // What is suspicious and in which chunks; fetch just that from them; say what is wrong with it.
  absl::Status Find(const Query& suspects, const char* fetch, const Query& judge) {
    auto places = worker_.Run(suspects, {Room()});
    if (!places.ok()) return places.status();
    if (places->empty()) return absl::OkStatus();
    for (const auto& place : *places) {
      auto fetched = OnChunk(place[0].as<std::size_t>(), fetch, place[1].c_str(), nullptr);
      if (!fetched.ok()) return fetched.status();
    }
    auto rows = worker_.Run(judge, {Room()});
    if (!rows.ok()) return rows.status();
    Collect(*rows);
    return worker_.Run(verifier_sql::kForgetRows, {}).status();
  }

  // One more than fits, so that it shows when there are more.
  std::string Room() const { return fmt::format("{}", max_ - report_.violations.size() + 1); }

  void Collect(const pqxx::result& rows) {
    for (const auto& row : rows) {
      if (report_.violations.size() >= max_) {
        report_.more_violations = true;
        return;
      }
      report_.violations.push_back(
          {row[0].c_str(), row[1].c_str(), row[2].as<std::int64_t>(), row[3].as<std::int64_t>(), row[4].c_str()});
    }
  }

  void ShowProgress(const char* step, int chunks_done) const {
    if (report_progress_) report_progress_({step, chunks_done, static_cast<int>(chunks_.size()), report_.events});
  }

  HeldSnapshot snapshot_;
  Session worker_;
  const VerifyOptions& options_;
  const std::size_t max_;
  const Verifier::Progress& report_progress_;
  ChunkList chunks_;
  // Start of the oldest chunk that was read; the end of time when there is none.
  domain::TimeMicros oldest_ = domain::TimeRange{}.to;
  VerifyReport report_;
};

}  // namespace

absl::StatusOr<VerifyReport> Verifier::Run(const VerifyOptions& options, const Progress& progress) const {
  return Verification(conninfo_, options, progress).Run();
}

}  // namespace eventstore::storage
