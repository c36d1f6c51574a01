// The inbox of a group on a real database: what was handled is known, for as long as it may come again.
#include "eventstore/group_inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using client::GroupDelivery;
using client::GroupInbox;
using ::testing::ElementsAre;

GroupDelivery Delivery(std::int32_t bucket, std::int64_t position, std::int64_t settled = 0, bool replayed = false) {
  GroupDelivery delivery;
  delivery.event.set_global_position(position);
  delivery.bucket = bucket;
  delivery.settled_position = settled;
  delivery.replayed = replayed;
  return delivery;
}

class GroupInboxTest : public ::testing::Test {
 protected:
  GroupInboxTest() : connection_(database_.conninfo()) { GroupInbox::EnsureTable(connection_); }

  bool Note(GroupInbox& inbox, const GroupDelivery& delivery) {
    pqxx::work tx(connection_);
    const bool fresh = inbox.Note(tx, delivery);
    tx.commit();
    return fresh;
  }

  std::vector<std::int64_t> Positions(const std::string& group) const {
    std::vector<std::int64_t> positions;
    const pqxx::result rows =
        database_.Execute("SELECT position FROM eventstore_inbox WHERE group_name = '" + group + "' ORDER BY position");
    for (const auto& row : rows) positions.push_back(row[0].as<std::int64_t>());
    return positions;
  }

  const TestDatabase database_{TestDatabase::Content::kEmpty};
  pqxx::connection connection_;
};

TEST_F(GroupInboxTest, KnowsWhatItHasNoted) {
  GroupInbox mailer("mailer");
  GroupInbox billing("billing");
  EXPECT_TRUE(Note(mailer, Delivery(1, 10)));
  EXPECT_FALSE(Note(mailer, Delivery(1, 10)));
  EXPECT_TRUE(Note(billing, Delivery(1, 10)));
  EXPECT_TRUE(Note(mailer, Delivery(1, 11)));
  // As another process would.
  GroupInbox later("mailer");
  EXPECT_FALSE(Note(later, Delivery(1, 11)));
}

TEST_F(GroupInboxTest, WhatWasRolledBackWasNotHandled) {
  GroupInbox inbox("mailer");
  {
    pqxx::work tx(connection_);
    EXPECT_TRUE(inbox.Note(tx, Delivery(1, 10)));
  }
  EXPECT_TRUE(Note(inbox, Delivery(1, 10)));
}

TEST_F(GroupInboxTest, SettledRowsAreDeletedOfTheirBucketAlone) {
  GroupInbox inbox("mailer");
  for (std::int64_t position = 1; position <= 100; ++position) EXPECT_TRUE(Note(inbox, Delivery(1, position)));
  EXPECT_TRUE(Note(inbox, Delivery(2, 50)));
  EXPECT_TRUE(Note(inbox, Delivery(1, 200, 98)));
  EXPECT_THAT(Positions("mailer"), ElementsAre(50, 99, 100, 200));
}

TEST_F(GroupInboxTest, ReplayedRowsAreKept) {
  GroupInbox inbox("mailer");
  // Was parked, and then replayed: far behind the place of its bucket.
  EXPECT_TRUE(Note(inbox, Delivery(1, 10, 500, true)));
  // Was handled before it was parked and replayed.
  EXPECT_TRUE(Note(inbox, Delivery(1, 20, 0)));
  EXPECT_FALSE(Note(inbox, Delivery(1, 20, 500, true)));
  GroupInbox later("mailer");
  EXPECT_TRUE(Note(later, Delivery(1, 600, 599)));
  EXPECT_FALSE(Note(later, Delivery(1, 10, 599, true)));
  EXPECT_FALSE(Note(later, Delivery(1, 20, 599, true)));
}

TEST_F(GroupInboxTest, OfTwoAtOnceOneHandlesIt) {
  GroupInbox inbox("mailer");
  std::promise<void> noted;
  std::atomic<bool> committed = false;
  std::thread other([&] {
    pqxx::connection connection(database_.conninfo());
    pqxx::work tx(connection);
    EXPECT_TRUE(inbox.Note(tx, Delivery(1, 10)));
    noted.set_value();
    // Until the one below waits for this transaction.
    while (
        database_.Execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'")[0][0].as<int>() ==
        0) {
      std::this_thread::yield();
    }
    committed = true;
    tx.commit();
  });
  noted.get_future().wait();
  EXPECT_FALSE(Note(inbox, Delivery(1, 10)));
  EXPECT_TRUE(committed);
  other.join();
}

TEST_F(GroupInboxTest, ForgetsOneGroup) {
  GroupInbox mailer("mailer");
  GroupInbox billing("billing");
  EXPECT_TRUE(Note(mailer, Delivery(1, 10)));
  EXPECT_TRUE(Note(billing, Delivery(1, 10)));
  {
    pqxx::work tx(connection_);
    mailer.Forget(tx);
    tx.commit();
  }
  EXPECT_TRUE(Note(mailer, Delivery(1, 10)));
  EXPECT_FALSE(Note(billing, Delivery(1, 10)));
}

}  // namespace
}  // namespace eventstore::testing
