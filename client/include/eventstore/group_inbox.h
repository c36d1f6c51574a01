// Which deliveries of a consumer group were handled: so that each event of the group takes effect exactly once.
//
// In the library EventStore::projection, because it needs libpqxx.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "eventstore/group_consumer.h"
#include "eventstore/pqxx_exec.h"

namespace eventstore::client {

// A row is a delivery that was handled and may come again. `replayed`: it was parked before, so the bucket's place says
// nothing about it, and it is kept.
inline constexpr char kInboxTable[] =
    "CREATE TABLE eventstore_inbox (\n"
    "  group_name text NOT NULL,\n"
    "  bucket     integer NOT NULL,\n"
    "  position   bigint NOT NULL,\n"
    "  replayed   boolean NOT NULL,\n"
    "  handled_at timestamptz NOT NULL DEFAULT now(),\n"
    "  PRIMARY KEY (group_name, bucket, position))";

// A group delivers at least once. Whoever notes each delivery in the transaction of its effect handles it once:
//
//   pqxx::work tx(connection);
//   if (inbox.Note(tx, delivery)) Apply(tx, delivery.event);   // not if it was handled before
//   tx.commit();
//   consumer.Ack(delivery);                                    // either way
//
// Of two consumers that have the same event for a moment, one waits in Note() for the other's commit, and leaves it out.
// Rows that cannot come again are deleted as the group moves on. Thread-safe.
//
// Two limits. An event that was handled, and yet parked because every answer came too late, is handled again when it is
// replayed. After a reset of the group, Forget() it, or what is still noted is left out.
class GroupInbox {
 public:
  // `group`: the group's name. One table serves all groups.
  explicit GroupInbox(std::string group) : group_(std::move(group)) {}

  // Makes the table when there is none. Throws what libpqxx throws, as everything here.
  static void EnsureTable(pqxx::connection& connection);

  // Notes the delivery, in the transaction. False: it was handled before, do nothing.
  bool Note(pqxx::work& tx, const GroupDelivery& delivery);

  // Of the whole group, in the transaction: for when it is reset or deleted. No consumer may be at work.
  void Forget(pqxx::work& tx) const;

 private:
  void Prune(pqxx::work& tx, const GroupDelivery& delivery);

  const std::string group_;
  std::mutex mutex_;
  std::map<std::int32_t, int> noted_since_;  // bucket -> rows noted since it was pruned
};

}  // namespace eventstore::client
