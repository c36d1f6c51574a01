#include "server/storage/recent_chunks.h"

#include "fmt/format.h"

namespace eventstore::storage {

void RecentChunks::Use(const RecentSql& sql) {
  sql_ = &sql;
  known_ = false;
}

absl::Status RecentChunks::Load(PipelineSession& session) {
  known_ = false;
  if (absl::Status added = session.Add({"recent_scope", sql_->scope}); !added.ok()) return added;
  auto scope = session.Run();
  if (!scope.ok()) return scope.status();
  scope_ = scope->at(0).Int4(0, 0);
  const auto only_scope = [this] { return Parameters().AddInt4(scope_); };
  // The stamp first: the list has at least what it stands for.
  absl::Status added = session.Add({"recent_stamp", fmt::format("SELECT ({})", sql_->stamp)}, only_scope());
  if (added.ok()) added = session.Add({"recent_tables", sql_->tables}, only_scope());
  if (!added.ok()) return added;
  auto results = session.Run();
  if (!results.ok()) return results.status();
  const Rows& stamp = results->at(0);
  stamp_ = stamp.IsNull(0, 0) ? "" : stamp.Text(0, 0);
  const Rows& tables = results->at(1);
  lookups_.clear();
  for (int row = 0; row < tables.size(); ++row) {
    lookups_.push_back(
        {fmt::format("recent_ids_{}", tables.Int4(row, 0)),
         fmt::format("SELECT id FROM {} WHERE id = ANY ($1) AND timestamp >= now() - interval '24 hours'",
                     tables.Text(row, 1))});
  }
  known_ = true;
  return absl::OkStatus();
}

}  // namespace eventstore::storage
