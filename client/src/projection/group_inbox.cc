#include "eventstore/group_inbox.h"

#include "client/src/projection/make_table.h"

namespace eventstore::client {
namespace {

// So many rows are noted in a bucket before those that are settled are deleted; with the bucket's first one, what an
// earlier process left.
constexpr int kPruneEvery = 100;

}  // namespace

void GroupInbox::EnsureTable(pqxx::connection& connection) {
  internal::MakeTable(connection, "eventstore_inbox", kInboxTable);
}

bool GroupInbox::Note(pqxx::work& tx, const GroupDelivery& delivery) {
  const std::int64_t position = delivery.event.global_position();
  const pqxx::result noted = Exec(tx,
                                  "INSERT INTO eventstore_inbox (group_name, bucket, position, replayed) "
                                  "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                                  group_, delivery.bucket, position, delivery.replayed);
  if (noted.affected_rows() == 1) {
    Prune(tx, delivery);
    return true;
  }
  if (delivery.replayed) {
    // From now on the bucket's place says nothing about it.
    Exec(tx,
         "UPDATE eventstore_inbox SET replayed = true "
         "WHERE group_name = $1 AND bucket = $2 AND position = $3 AND NOT replayed",
         group_, delivery.bucket, position);
  }
  return false;
}

void GroupInbox::Prune(pqxx::work& tx, const GroupDelivery& delivery) {
  {
    const std::lock_guard lock(mutex_);
    int& since = noted_since_[delivery.bucket];
    if (since++ % kPruneEvery != 0) return;
  }
  // If the transaction is rolled back, the rows are deleted some other time.
  Exec(tx, "DELETE FROM eventstore_inbox WHERE group_name = $1 AND bucket = $2 AND position <= $3 AND NOT replayed",
       group_, delivery.bucket, delivery.settled_position);
}

void GroupInbox::Forget(pqxx::work& tx) const {
  Exec(tx, "DELETE FROM eventstore_inbox WHERE group_name = $1", group_);
}

}  // namespace eventstore::client
