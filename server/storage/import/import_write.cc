#include "server/storage/import/import_write.h"

#include <deque>
#include <utility>

#include "server/storage/append_statements.h"

namespace eventstore::storage {
namespace {

const Prepared kClamped{"import_clamped", R"sql(
INSERT INTO import_clamped (event_id, aggregate_id, original_timestamp, timestamp) SELECT * FROM unnest($1, $2, $3, $4)
)sql"};

// What the append path writes: the same rows, under other names. Refers to `plan`.
class AsAppends {
 public:
  explicit AsAppends(const domain::ImportPlan& plan) {
    for (const domain::ImportedRow& row : plan.rows) {
      appends_.push_back({row.event->aggregate_id, row.event->aggregate_type, {}, {}});
      const domain::NewEvent* event = &row.event->event;
      if (!row.metadata.empty()) {
        changed_.push_back(*event);
        changed_.back().metadata = row.metadata;
        event = &changed_.back();
      }
      plan_.rows.push_back({&appends_.back(), event, row.recorded});
    }
    plan_.heads = plan.heads;
  }

  const domain::AppendPlan& plan() const { return plan_; }

 private:
  std::deque<domain::Append> appends_;
  std::deque<domain::NewEvent> changed_;
  domain::AppendPlan plan_;
};

absl::Status AddClamped(PipelineSession& session, const domain::ImportPlan& plan) {
  BinaryArray ids(PgType::kUuid), aggregates(PgType::kUuid), originals(PgType::kTimestamp), times(PgType::kTimestamp);
  for (const domain::ImportedRow& row : plan.rows) {
    if (row.recorded.timestamp == row.event->timestamp) continue;
    ids.Add(row.recorded.id);
    aggregates.Add(row.event->aggregate_id);
    originals.AddTime(row.event->timestamp);
    times.AddTime(row.recorded.timestamp);
  }
  if (ids.size() == 0) return absl::OkStatus();
  Parameters parameters;
  parameters.Add(std::move(ids)).Add(std::move(aggregates)).Add(std::move(originals)).Add(std::move(times));
  return session.Add(kClamped, parameters);
}

}  // namespace

absl::Status AddImported(PipelineSession& session, const domain::ImportPlan& plan) {
  if (plan.rows.empty()) return absl::OkStatus();
  const AsAppends appends(plan);
  absl::Status added = AddWrite(session, appends.plan());
  if (!added.ok()) return added;
  return AddClamped(session, plan);
}

}  // namespace eventstore::storage
