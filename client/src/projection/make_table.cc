#include "client/src/projection/make_table.h"

#include "eventstore/pqxx_exec.h"

namespace eventstore::client::internal {
namespace {

bool IsThere(pqxx::connection& connection, const std::string& name) {
  pqxx::work tx(connection);
  return !Exec(tx, "SELECT to_regclass($1)", name)[0][0].is_null();
}

}  // namespace

void MakeTable(pqxx::connection& connection, const std::string& name, const std::string& ddl) {
  if (IsThere(connection, name)) return;
  try {
    pqxx::work tx(connection);
    tx.exec(ddl);
    tx.commit();
  } catch (const pqxx::sql_error&) {
    // Two that make it at once: IF NOT EXISTS would not help, since the one that comes second fails all the same.
    if (!IsThere(connection, name)) throw;
  }
}

}  // namespace eventstore::client::internal
