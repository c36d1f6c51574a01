#include "server/storage/operations/record_writes.h"

#include "server/domain/error.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

// No partition of a table for the row, among others; asking for those of now costs nothing when it was another reason.
constexpr char kCheckViolation[] = "23514";

constexpr Query kMakePartitions{"operations_make_partitions", R"sql(
SELECT sum(make_partitions(table_name, now() - interval '1 day', now() + interval '2 days')) FROM time_tables
)sql"};

absl::Status Unknown(const absl::Status& lost) {
  domain::Error error = domain::FromStatus(lost);
  error.reason = domain::Reason::kCommitUnknown;
  error.message =
      "the connection to the database was lost while the record was written; read it to find out what came of it";
  error.retry_after_ms.reset();
  return domain::ToStatus(error);
}

}  // namespace

absl::StatusOr<pqxx::result> WriteRecord(Session& session, bool may_repeat,
                                         const std::function<absl::StatusOr<pqxx::result>()>& write) {
  // What cannot be sent is certainly not written.
  if (absl::Status connected = session.EnsureConnected(); !connected.ok()) return connected;
  auto rows = write();
  if (rows.ok()) return rows;
  if (SqlStateOf(rows.status()) == kCheckViolation) {
    auto made = session.Run(kMakePartitions, {});
    if (!made.ok()) return made.status();
    if ((*made)[0][0].is_null() || (*made)[0][0].as<int>() == 0) return rows;
    return write();
  }
  if (!IsConnectionLost(rows.status())) return rows;
  if (!may_repeat) return Unknown(rows.status());
  if (absl::Status connected = session.EnsureConnected(); !connected.ok()) return Unknown(rows.status());
  rows = write();
  return rows.ok() || !IsConnectionLost(rows.status()) ? rows : Unknown(rows.status());
}

}  // namespace eventstore::storage
