// Moves the rows of a legacy source into the store. The rows of one batch are split by lanes among a few writers, each
// with connections of its own, so that those of one aggregate are written by one of them, in order. While they write, the
// next batches are fetched, mapped, and get their chunks. Where each writer is, is stored with its events.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/import/chunk_maker.h"
#include "server/storage/partitions.h"
#include "server/storage/session.h"
#include "tools/eventctl/moving/legacy_source.h"
#include "tools/eventctl/moving/part_writer.h"
#include "tools/eventctl/moving/part_writers.h"

namespace eventstore::eventctl {

struct MoveOptions {
  int batch_size = 2'000;
  int writers = 2;
  std::int64_t limit = 0;  // rows of this call; 0: all
  bool dry_run = false;
  domain::TimeMicros chunk_interval = 0;  // of chunks that are made; 0: the store's own
  std::chrono::seconds patience{120};     // for a database that went away
};

struct MoveReport {
  storage::ImportCounts counts;
  std::int64_t fresh_aggregates = 0;
  std::map<std::string, std::int64_t> skipped_by_reason;
  std::map<std::string, std::int64_t> types;  // of valid rows
  std::int64_t aggregates = 0;                // a dry run alone counts them
  std::int64_t batches = 0;
  double seconds = 0;
  bool complete = false;  // the end of the source was reached
};

class Mover {
 public:
  using Remark = std::function<void(const MoveRemark&)>;
  using Progress = std::function<void(const MoveReport&)>;
  using Stop = std::function<bool()>;

  // All of them outlive the mover. `run`: where to begin.
  Mover(const std::string& store, LegacySource& source, const RowMapper& mapper, MoveOptions options,
        storage::ImportRun run);
  ~Mover();

  absl::Status Run(const Remark& remark, const Progress& progress, const Stop& stop);
  const MoveReport& report() const { return report_; }

 private:
  using Rows = absl::StatusOr<std::vector<SourceRow>>;

  void Fetch();
  absl::StatusOr<MoveBatch> Read();
  void MapInto(const SourceRow& row, const Provenance& provenance, MoveBatch& batch);
  void MakeChunks(const MoveBatch& batch);
  absl::Status Count(const PartWriters::Done& done, const Remark& remark);
  absl::Status Pass(const Remark& remark, const Progress& progress, const Stop& stop);

  LegacySource& source_;
  const RowMapper& mapper_;
  const MoveOptions options_;
  const storage::ImportRun run_;
  std::vector<std::unique_ptr<PartWriter>> writers_;
  const std::shared_ptr<storage::ChunkMaker> chunk_maker_;
  storage::Session chunk_session_;  // makes chunks for what is to be written next
  std::unique_ptr<storage::Partitions> partitions_;
  std::unordered_map<std::string, domain::TimeMicros> twice_;
  std::optional<storage::ImportPlace> place_;
  std::int64_t batch_ = 0;
  int lanes_ = 0;
  std::int64_t pass_rows_ = 0;
  bool ended_ = false;
  std::unordered_set<domain::Uuid, domain::UuidHash> aggregates_;
  MoveReport report_;
  std::future<Rows> ahead_;  // last, so that it has ended before the rest goes
};

}  // namespace eventstore::eventctl
