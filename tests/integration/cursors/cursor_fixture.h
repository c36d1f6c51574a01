// Reads against a made-up past, and what they should give.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "server/storage/count_reader.h"
#include "server/storage/cursor_aggregate.h"
#include "server/storage/cursor_position.h"
#include "server/storage/cursor_user.h"
#include "server/storage/recorded_rows.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/history.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

class CursorTest : public ::testing::Test {
 protected:
  using Numbers = std::vector<std::int64_t>;

  // Positions, which are the numbers of a History's events.
  static Numbers NumbersOf(const std::vector<domain::RecordedEvent>& events) {
    Numbers numbers;
    for (const auto& event : events) numbers.push_back(event.global_position);
    return numbers;
  }

  // Every number from `first` to `last` by `step`, which may be negative.
  static Numbers Every(std::int64_t first, std::int64_t last, std::int64_t step) {
    Numbers numbers;
    for (std::int64_t n = first; step > 0 ? n <= last : n >= last; n += step) numbers.push_back(n);
    return numbers;
  }

  // All pages; none may be larger than a page may be, and none but the last may be empty.
  Numbers Read(storage::Cursor& cursor, int* pages = nullptr) {
    std::vector<domain::RecordedEvent> events;
    int count = 0;
    for (bool last = false; !last; ++count) {
      auto page = storage::NextPage(cursor, session_, chunks_);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) break;
      EXPECT_LE(page->events.size(), static_cast<std::size_t>(domain::kMaxPageEvents));
      EXPECT_TRUE(page->last || !page->events.empty());
      std::size_t bytes = 0;
      for (std::size_t i = 0; i + 1 < page->events.size(); ++i) bytes += storage::PayloadBytes(page->events[i]);
      EXPECT_LT(bytes, domain::kMaxPageBytes);
      std::move(page->events.begin(), page->events.end(), std::back_inserter(events));
      last = page->last;
    }
    if (pages != nullptr) *pages = count;
    return NumbersOf(events);
  }

  static domain::AggregateQuery Stream(int a, domain::Direction direction = domain::Direction::kForward) {
    domain::AggregateQuery query;
    query.aggregate_id = History::AggregateId(a);
    query.direction = direction;
    return query;
  }
  std::unique_ptr<storage::Cursor> Aggregate(int a, domain::Direction direction = domain::Direction::kForward,
                                             std::int64_t max_events = domain::kNoLimit) {
    domain::AggregateQuery query = Stream(a, direction);
    query.max_events = max_events;
    return std::make_unique<storage::AggregateCursor>(query, chunks_);
  }
  std::unique_ptr<storage::Cursor> User(int u, domain::Direction direction = domain::Direction::kForward,
                                        std::int64_t max_events = domain::kNoLimit) {
    domain::UserQuery query;
    query.user_id = History::User(u);
    query.direction = direction;
    query.max_events = max_events;
    return std::make_unique<storage::UserCursor>(query, chunks_);
  }
  std::unique_ptr<storage::Cursor> All(domain::Direction direction = domain::Direction::kForward,
                                       std::int64_t max_events = domain::kNoLimit, domain::Position from = 0) {
    domain::ReadAllQuery query;
    query.direction = direction;
    query.max_events = max_events;
    query.from_position = from;
    return std::make_unique<storage::PositionCursor>(query, chunks_);
  }
  std::unique_ptr<storage::Cursor> Correlated(int c) {
    domain::CorrelationQuery query;
    query.correlation_id = History::CorrelationId(c);
    return std::make_unique<storage::PositionCursor>(query, chunks_);
  }

  TestDatabase database_;
  storage::ChunkCatalog chunks_;
  storage::Session session_{database_.conninfo(), "reader", storage::SessionKind::kReader};
};

}  // namespace eventstore::testing
