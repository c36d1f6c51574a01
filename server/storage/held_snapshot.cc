#include "server/storage/held_snapshot.h"

#include <memory>

#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::storage {
namespace {

constexpr Query kExport{"snapshot_export", "SELECT pg_export_snapshot()"};

}  // namespace

absl::Status HeldSnapshot::Take() {
  auto begun = holder_.RunScript(
      "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  if (!begun.ok()) return begun.status();
  auto exported = holder_.Run(kExport, {});
  if (!exported.ok()) return exported.status();
  id_ = (*exported)[0][0].c_str();
  // SET TRANSACTION SNAPSHOT takes no parameter, so the id becomes SQL text.
  if (id_.find_first_not_of("0123456789ABCDEF-") == std::string::npos) return absl::OkStatus();
  return domain::ErrorOf(domain::Reason::kInternal,
                         fmt::format("PostgreSQL named its snapshot \"{}\"; please report this", id_));
}

absl::StatusOr<pqxx::result> HeldSnapshot::Run(Session& reader,
                                               absl::FunctionRef<absl::StatusOr<pqxx::result>()> statement) const {
  auto begun = reader.RunScript(
      fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT '{}'", id_));
  absl::StatusOr<pqxx::result> result = begun.ok() ? statement() : begun;
  if (result.ok()) {
    auto committed = reader.RunScript("COMMIT");
    return committed.ok() ? result : committed;
  }
  // A lost session would be connected anew, without its temporary tables.
  if (reader.connected()) reader.RunScript("ROLLBACK").IgnoreError();
  return result;
}

absl::StatusOr<ChunkList> HeldSnapshot::Chunks(Session& reader) const {
  ChunkCatalog catalog;
  std::shared_ptr<const ChunkList> list;
  auto listed = Run(reader, [&]() -> absl::StatusOr<pqxx::result> {
    auto all = catalog.All(reader);
    if (!all.ok()) return all.status();
    list = *all;
    return pqxx::result();
  });
  if (!listed.ok()) return listed.status();
  return *list;
}

}  // namespace eventstore::storage
