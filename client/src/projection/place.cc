#include "client/src/projection/place.h"

#include "client/src/projection/make_table.h"
#include "eventstore/projection.h"

namespace eventstore::client::internal {

void Place::EnsureTable(pqxx::connection& connection) {
  MakeTable(connection, "eventstore_projections", kProjectionsTable);
}

bool Place::TryLock(pqxx::connection& connection) const {
  pqxx::work tx(connection);
  // The table's oid: the same name in another schema is another projection.
  const pqxx::result rows = Exec(
      tx, "SELECT pg_try_advisory_lock(hashtextextended($1, 'eventstore_projections'::regclass::oid::bigint))", name_);
  const bool locked = rows[0][0].as<bool>();
  tx.commit();
  return locked;
}

void Place::Read(pqxx::connection& connection) {
  pqxx::work tx(connection);
  const pqxx::result rows = Exec(tx, "SELECT position FROM eventstore_projections WHERE name = $1", name_);
  position_.reset();
  if (!rows.empty()) position_ = rows[0][0].as<std::int64_t>();
  tx.commit();
}

bool Place::Move(pqxx::work& tx, std::int64_t to) const {
  const pqxx::result moved =
      position_ ? Exec(tx,
                       "UPDATE eventstore_projections SET position = $2, updated_at = now() "
                       "WHERE name = $1 AND position = $3",
                       name_, to, *position_)
                : Exec(tx, "INSERT INTO eventstore_projections (name, position) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                       name_, to);
  return moved.affected_rows() == 1;
}

}  // namespace eventstore::client::internal
