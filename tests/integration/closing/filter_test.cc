// A filter means the same in the database, over open and closed chunks, and of an event at hand.
#include <random>
#include <string>
#include <vector>

#include "server/domain/matching.h"
#include "server/storage/chunk_closer.h"
#include "tests/integration/closing/random_history.h"
#include "tests/integration/cursors/cursor_fixture.h"

namespace eventstore::testing {
namespace {

using domain::EventFilter;

const std::pair<std::string, std::string> kMembers[] = {
    {"tenant", "acme"}, {"tenant", "17"}, {"tenant", "a\"b\\é"}, {"tenant", "null"}, {"tenant", R"({"name": "acme"})"},
    {"try", "1"},       {"try", "1.50"},  {"try", "100"},        {"try", "[1]"},     {"dry", "true"},
    {"dry", "false"},   {"", "none"},     {"ten", "acme"},       {"none", "x"},
};

class FilterTest : public CursorTest, public ::testing::WithParamInterface<std::uint32_t> {
 protected:
  std::vector<domain::RecordedEvent> Everything() {
    std::vector<domain::RecordedEvent> events;
    storage::PositionCursor cursor(domain::ReadAllQuery{}, chunks_);
    for (bool last = false; !last;) {
      auto page = storage::NextPage(cursor, session_, chunks_);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) break;
      std::ranges::move(page->events, std::back_inserter(events));
      last = page->last;
    }
    return events;
  }

  void Expect(const EventFilter& filter) {
    for (const auto direction : {domain::Direction::kForward, domain::Direction::kBackward}) {
      Numbers expected;
      for (const auto& event : all_) {
        if (domain::Matches(filter, event)) expected.push_back(event.global_position);
      }
      if (direction == domain::Direction::kBackward) std::ranges::reverse(expected);
      found_ += expected.size();
      domain::ReadAllQuery query;
      query.filter = filter;
      query.direction = direction;
      storage::PositionCursor cursor(query, chunks_);
      EXPECT_EQ(Read(cursor), expected);
    }
  }

  EventFilter RandomFilter() {
    EventFilter filter;
    const auto sometimes = [&] { return random_() % 4 == 0; };
    const auto below = [&](int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); };
    if (sometimes()) filter.event_types = {RandomHistory::Type(below(5)), "never"};
    if (sometimes()) filter.event_type_prefixes = {below(2) == 0 ? "type-1" : "ty", "x%"};
    if (sometimes()) filter.aggregate_types = {"user"};
    if (sometimes()) filter.user_ids = {RandomHistory::User(below(6)), RandomHistory::User(0)};
    if (sometimes()) filter.sources = {"sync"};
    if (sometimes()) {
      filter.correlation_ids = {RandomHistory::Correlation(below(9)), RandomHistory::Correlation(below(9)),
                                RandomHistory::Correlation(99)};
    }
    if (sometimes()) filter.aggregate_id = RandomHistory::Aggregate(below(13));
    if (sometimes()) filter.metadata = {kMembers[static_cast<std::size_t>(below(std::size(kMembers)))]};
    return filter;
  }

  const RandomHistory history_{GetParam(), 30, 600};
  std::mt19937 random_{GetParam()};
  std::vector<domain::RecordedEvent> all_;
  std::size_t found_ = 0;
};

TEST_P(FilterTest, TheDatabaseAndTheMatcherAgree) {
  history_.Insert(database_);
  for (const int chunks : {0, 10, 1'000}) {
    SCOPED_TRACE(chunks);
    storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = std::max(chunks, 1)});
    if (chunks > 0) {
      ASSERT_THAT(closer.Step({}), IsOk());
    }
    all_ = Everything();
    ASSERT_GT(all_.size(), 300U);
    EventFilter members;
    for (const auto& member : kMembers) {
      members.metadata = {member};
      Expect(members);
    }
    members.metadata = {{"tenant", "acme"}, {"try", "1"}};
    Expect(members);
    for (int i = 0; i < 40; ++i) Expect(RandomFilter());
  }
  // Not all of them asked for what is not there.
  EXPECT_GT(found_, 5'000U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FilterTest, ::testing::Values(1U, 2U, 3U));

}  // namespace
}  // namespace eventstore::testing
