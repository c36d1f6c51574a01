// A table that is converted while others write to it keeps every row, once, and all that belongs to it.
#include <atomic>
#include <random>
#include <thread>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/storage/conversion/table_conversion.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/test_engine.h"

namespace eventstore::storage {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;

constexpr char kOrders[] = R"sql(
CREATE TABLE customer (id bigint PRIMARY KEY);
INSERT INTO customer SELECT generate_series(1, 10);
CREATE TABLE orders (
    id       bigserial   PRIMARY KEY,
    at       timestamptz DEFAULT now(),
    customer bigint      NOT NULL REFERENCES customer,
    code     text        UNIQUE,
    total    numeric     NOT NULL DEFAULT 0 CHECK (total >= 0),
    twice    numeric     GENERATED ALWAYS AS (total * 2) STORED
);
CREATE INDEX orders_customer ON orders (customer, at DESC) WHERE total > 1;
COMMENT ON TABLE orders IS 'of customers';
CREATE TABLE order_line (id int PRIMARY KEY, order_id bigint REFERENCES orders ON DELETE CASCADE);
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 5;
CREATE FUNCTION orders_code() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.code := coalesce(NEW.code, ''made'' || NEW.id); RETURN NEW; END';
CREATE TRIGGER set_code BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION orders_code();
CREATE POLICY cheap ON orders FOR SELECT USING (total < 100);
GRANT SELECT, INSERT ON orders TO PUBLIC;
INSERT INTO orders (at, customer, total)
SELECT now() - (i % 5) * interval '1 day' - i * interval '1 second', 1 + i % 10, i FROM generate_series(1, 3000) i;
)sql";

constexpr char kOrderRows[] = "SELECT id, at, customer, code, total, twice FROM orders";

class ConversionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database_.Execute(kOrders);
    request_.table = "orders";
    request_.time_column = "at";
    request_.compress_by = "customer";
    request_.retention_days = 30;
    control_.progress = [this](const ConversionProgress&) { ++steps_; };
    control_.stop = [] { return false; };
    control_.pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
    control_.rows_a_step = 200;
  }

  std::int64_t Number(const std::string& sql) { return database_.Execute(sql)[0][0].as<std::int64_t>(); }
  std::string Text(const std::string& sql) { return database_.Execute(sql)[0][0].c_str(); }

  // Rows of `kept`, a copy of them, and of the table are the same.
  void ExpectSameRows(const std::string& kept) {
    EXPECT_EQ(Number("SELECT count(*) FROM orders"), Number("SELECT count(*) FROM " + kept));
    EXPECT_EQ(Number("SELECT count(*) - count(DISTINCT id) FROM orders"), 0);
    EXPECT_EQ(
        Number(fmt::format("SELECT count(*) FROM (SELECT id, at, customer, code, total, twice FROM {} EXCEPT ALL {}) d",
                           kept, kOrderRows)),
        0);
  }
  bool Cut() {
    return testing::OnNative() ? Text("SELECT relkind FROM pg_class WHERE oid = 'orders'::regclass") == "p"
                               : Number(
                                     "SELECT count(*) FROM timescaledb_information.hypertables WHERE "
                                     "hypertable_name = 'orders'") == 1;
  }

  testing::TestDatabase database_;
  Session session_{database_.conninfo(), "test"};
  ConversionRequest request_;
  ConversionControl control_;
  int steps_ = 0;
};

TEST_F(ConversionTest, ThePlanSaysWhatGoesAndChangesNothing) {
  const auto plan = PlanConversion(session_, request_);
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->id_column, "id");
  EXPECT_EQ(plan->rows, 3'000);
  EXPECT_THAT(plan->refused, IsEmpty());
  ASSERT_EQ(plan->dropped.size(), 1U);
  EXPECT_THAT(plan->dropped[0], HasSubstr("order_line_order_id_fkey of order_line"));
  EXPECT_THAT(plan->changed, Contains(HasSubstr("PRIMARY KEY (id, at)")));
  EXPECT_THAT(plan->changed, Contains(HasSubstr("orders_code_key is not unique any more")));
  EXPECT_FALSE(Cut());
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname LIKE 'orders_convert%'"), 0);
}

TEST_F(ConversionTest, KeepsRowsAndAllThatBelongsToTheTable) {
  database_.Execute(fmt::format("CREATE TABLE kept AS {}", kOrderRows));
  ASSERT_THAT(ConvertTable(session_, request_, control_), IsOk());
  EXPECT_TRUE(Cut());
  ExpectSameRows("kept");
  EXPECT_EQ(
      Text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'p'"),
      "PRIMARY KEY (id, at)");
  EXPECT_EQ(
      Text("SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'orders'::regclass "
           "AND contype IN ('p', 'c', 'f')"),
      "orders_customer_fkey orders_pkey orders_total_check");
  EXPECT_THAT(Text("SELECT pg_get_indexdef('orders_customer'::regclass)"),
              HasSubstr("(customer, at DESC) WHERE (total >"));
  EXPECT_EQ(Text("SELECT obj_description('orders'::regclass)"), "of customers");
  EXPECT_EQ(Number("SELECT count(*) FROM pg_policy WHERE polrelid = 'orders'::regclass"), 1);
  EXPECT_TRUE(database_
                  .Execute("SELECT bool_and(c.relacl::text LIKE '%=ar/%') FROM pg_class c WHERE c.oid = "
                           "'orders'::regclass")[0][0]
                  .as<bool>());
  EXPECT_EQ(Number("SELECT count(*) FROM big_orders"), 2'995);
  // The sequence goes on, the trigger works, the check holds, the foreign key at it is gone.
  EXPECT_EQ(Text("INSERT INTO orders (customer) VALUES (1) RETURNING code"), "made3001");
  EXPECT_ANY_THROW(database_.Execute("INSERT INTO orders (customer, total) VALUES (1, -1)"));
  EXPECT_ANY_THROW(database_.Execute("INSERT INTO orders (customer) VALUES (77)"));
  database_.Execute("INSERT INTO order_line VALUES (1, 999999)");
  database_.Execute("DROP TABLE orders CASCADE");
  EXPECT_EQ(Text("SELECT to_regclass('orders_id_seq') IS NULL"), "t");
}

TEST_F(ConversionTest, TheHousekeeperLooksAfterItAndNothingIsLeftBehind) {
  ASSERT_THAT(ConvertTable(session_, request_, control_), IsOk());
  EXPECT_EQ(Text("SELECT concat_ws(' ', time_column, compress_by, interval_us, retention_days) FROM time_tables WHERE "
                 "table_name = 'orders'"),
            "at customer 86400000000 30");
  EXPECT_EQ(Number("SELECT count(*) FROM time_tables WHERE table_name LIKE 'orders_%'"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM table_conversions"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'I') AND relname ~ "
                   "'^orders_(convert|before)|^converted_' "
                   "AND relname !~ '_p[0-9]{8}'"),
            0);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_proc WHERE proname LIKE 'orders_convert%'"), 0);
  const auto again = PlanConversion(session_, request_);
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->refused, Contains(HasSubstr("already")));
}

// Writers insert, change, move in time and delete from before the beginning until after the end. Each row that they wrote
// tells by itself what it should be, since they write the same to a table that is not converted.
TEST_F(ConversionTest, NoRowIsLostOrDoubledUnderWriters) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  database_.Execute(fmt::format("CREATE TABLE kept AS {}; ALTER TABLE kept ADD PRIMARY KEY (id)", kOrderRows));
  std::atomic<bool> done = false;
  std::atomic<std::int64_t> written = 0;
  const auto write = [&](unsigned number) {
    std::mt19937 random(seed + number);
    Session writer(database_.conninfo(), "writer");
    while (!done) {
      const auto id = random() % 3'000 + 1;
      std::string both;
      switch (random() % 4) {
        case 0:
          both = fmt::format(
              "WITH made AS (INSERT INTO orders (at, customer, total) VALUES (now() - interval '{} hours', 1, {}) "
              "RETURNING id, at, customer, code, total, twice) INSERT INTO kept SELECT * FROM made",
              random() % 200, random() % 90);
          break;
        case 1:
          both = fmt::format(
              "UPDATE kept SET total = total + 1, twice = twice + 2 WHERE id = {0}; "
              "UPDATE orders SET total = total + 1 WHERE id = {0}",
              id);
          break;
        case 2:
          both = fmt::format("DELETE FROM kept WHERE id = {0}; DELETE FROM orders WHERE id = {0}", id);
          break;
        default:
          // Within the day, since a hypertable lets no row go to another chunk.
          both = fmt::format(
              "UPDATE kept SET at = date_trunc('day', at, 'UTC') + interval '{1} seconds' WHERE id = {0}; "
              "UPDATE orders SET at = date_trunc('day', at, 'UTC') + interval '{1} seconds' WHERE id = {0}",
              id, random() % 80'000);
      }
      // A transaction that the swap ends with a deadlock has written neither.
      if (writer.RunScript("BEGIN; " + both + "; COMMIT").ok()) {
        ++written;
      } else {
        (void)writer.RunScript("ROLLBACK");
      }
    }
  };
  std::vector<std::thread> writers;
  for (unsigned number = 0; number < 3; ++number) writers.emplace_back(write, number);
  while (written < 20) std::this_thread::yield();
  control_.rows_a_step = 100;
  const auto converted = ConvertTable(session_, request_, control_);
  const std::int64_t until = written + 20;
  while (converted.ok() && written < until) std::this_thread::yield();
  done = true;
  for (auto& writer : writers) writer.join();
  ASSERT_THAT(converted, IsOk());
  EXPECT_TRUE(*converted);
  EXPECT_TRUE(Cut());
  ExpectSameRows("kept");
}

TEST_F(ConversionTest, WhoIsStoppedGoesOnWhereItWas) {
  database_.Execute(fmt::format("CREATE TABLE kept AS {}", kOrderRows));
  for (int allowed = 3;; allowed += 3) {
    int left = allowed;
    control_.stop = [&left] { return left-- <= 0; };
    // Another process, as it were.
    Session session(database_.conninfo(), "again");
    const auto done = ConvertTable(session, request_, control_);
    ASSERT_THAT(done, IsOk());
    if (*done) break;
    const auto plan = PlanConversion(session, request_);
    ASSERT_THAT(plan, IsOk());
    EXPECT_GT(plan->begun.value_or(0), 0);
    ConversionRequest other = request_;
    other.interval = "7 days";
    EXPECT_THAT(ConvertTable(session, other, control_).status(), testing::HasMessage(HasSubstr("--abandon")));
    ASSERT_LT(allowed, 60);
  }
  EXPECT_TRUE(Cut());
  ExpectSameRows("kept");
}

TEST_F(ConversionTest, WhatHasBegunCanBeTakenBack) {
  control_.stop = [this] { return steps_ > 3; };
  const auto stopped = ConvertTable(session_, request_, control_);
  ASSERT_THAT(stopped, IsOk());
  EXPECT_FALSE(*stopped);
  EXPECT_ANY_THROW(database_.Execute("TRUNCATE orders CASCADE"));
  const auto abandoned = AbandonConversion(session_, "orders");
  ASSERT_THAT(abandoned, IsOk());
  EXPECT_TRUE(*abandoned);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname ~ '^orders_convert'"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal"), 1);
  EXPECT_EQ(Number("SELECT count(*) FROM orders"), 3'000);
}

TEST_F(ConversionTest, RefusesWhatItCannotKeep) {
  const auto refused = [&](const std::string& sql) {
    database_.Execute(sql);
    const auto plan = PlanConversion(session_, request_);
    EXPECT_THAT(plan, IsOk());
    return plan.ok() ? plan->refused : std::vector<std::string>();
  };
  EXPECT_THAT(refused("UPDATE orders SET at = NULL WHERE id <= 7"), Contains(HasSubstr("7 rows have no at")));
  EXPECT_THAT(ConvertTable(session_, request_, control_).status(), testing::HasReason(domain::Reason::kInvalidRequest));
  EXPECT_THAT(
      refused("UPDATE orders SET at = now() WHERE at IS NULL; CREATE MATERIALIZED VIEW m AS SELECT id FROM orders"),
      Contains(HasSubstr("materialized view m")));
  EXPECT_THAT(refused("DROP MATERIALIZED VIEW m; CREATE RULE r AS ON DELETE TO orders DO INSTEAD NOTHING"),
              Contains(HasSubstr("rule r")));
  database_.Execute("DROP RULE r ON orders");
  request_.time_column = "code";
  EXPECT_THAT(refused("SELECT 1"), Contains(HasSubstr("is text")));
  request_.time_column = "at";
  request_.id_column = "customer";
  EXPECT_THAT(refused("SELECT 1"), Contains(HasSubstr("does not tell its rows apart")));
  request_.id_column = "";
  request_.interval = "1 second";
  EXPECT_THAT(refused("INSERT INTO orders (at, customer) SELECT now() - i * interval '1 minute', 1 FROM "
                      "generate_series(1, 4000) i"),
              Contains(HasSubstr("--chunk-interval")));
  request_.table = "worker";
  EXPECT_THAT(refused("SELECT 1"), Contains(HasSubstr("the store's own")));
  EXPECT_EQ(Number("SELECT count(*) FROM table_conversions"), 0);
}

}  // namespace
}  // namespace eventstore::storage
