#include "server/storage/operations/timeline.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/storage/operations/record_rows.h"
#include "server/storage/operations/time_windows.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::TimeMicros;

// Of records, and so of items beside a page of events.
constexpr std::size_t kRecords = 500;

// A reader's statements have one plan for all values; these name the whole table and need one for theirs.
class CustomPlans {
 public:
  explicit CustomPlans(Session& session) : session_(session) {}
  ~CustomPlans() { (void)session_.RunScript("SET plan_cache_mode = force_generic_plan"); }
  CustomPlans(const CustomPlans&) = delete;
  CustomPlans& operator=(const CustomPlans&) = delete;
  absl::Status Begin() { return session_.RunScript("SET plan_cache_mode = force_custom_plan").status(); }

 private:
  Session& session_;
};

struct Source {
  const char* table;
  const char* columns;
  TimelineItem (*from)(const pqxx::row&);
};

constexpr Source kSources[] = {
    {"event", kTriggerEventColumns, [](const pqxx::row& row) -> TimelineItem { return TriggerEventFrom(row); }},
    {"enforcement", kEnforcementColumns, [](const pqxx::row& row) -> TimelineItem { return EnforcementFrom(row); }},
    {"execution", kExecutionColumns, [](const pqxx::row& row) -> TimelineItem { return ExecutionFrom(row); }},
};

domain::RecordPlace PlaceOf(const TimelineItem& item) {
  return std::visit(
      [](const auto& value) -> domain::RecordPlace {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, domain::RecordedEvent>) {
          return {value.timestamp, value.id.ToString()};
        } else {
          return {value.created, value.id.ToString()};
        }
      },
      item);
}

bool Before(const TimelineItem& a, const TimelineItem& b) {
  const auto left = PlaceOf(a);
  const auto right = PlaceOf(b);
  return std::tie(left.time, left.key) < std::tie(right.time, right.key);
}

}  // namespace

TimelineCursor::TimelineCursor(const domain::CorrelationQuery& query, ChunkCatalog& chunks, EventVault* vault)
    : Cursor(domain::kNoLimit), query_(query), events_(query, chunks), vault_(vault) {}

absl::StatusOr<std::vector<TimelineItem>> TimelineCursor::Records(Session& session, TimeMicros to,
                                                                  std::size_t limit) const {
  std::vector<TimelineItem> records;
  domain::TimeRange range = query_.range;
  range.to = std::min(range.to, to);
  if (after_) range.from = std::max(range.from, after_->time);
  if (range.empty()) return records;
  CustomPlans plans(session);
  if (absl::Status begun = plans.Begin(); !begun.ok()) return begun;
  // Ids have no order among tables; as text they have the same in all of them.
  const domain::RecordPlace after = after_.value_or(domain::RecordPlace{domain::kMinTime, ""});
  for (const Source& source : kSources) {
    std::size_t found = 0;
    absl::Status walked = WalkTime(
        session, source.table, range, domain::Direction::kForward,
        [&](const domain::TimeRange& window) -> absl::StatusOr<bool> {
          auto rows = session.RunText(
              fmt::format("SELECT {} FROM {} WHERE correlation_id = $1::uuid AND created >= $2::timestamptz AND "
                          "created < $3::timestamptz AND (created > $4::timestamptz OR (created = $4::timestamptz AND "
                          "id::text COLLATE \"C\" > $5)) ORDER BY created, id::text COLLATE \"C\" LIMIT {}",
                          source.columns, source.table, limit - found),
              {query_.correlation_id.ToString(), TimestampText(window.from), TimestampText(window.to),
               TimestampText(after.time), after.key});
          if (!rows.ok()) return rows.status();
          for (const auto& row : *rows) records.push_back(source.from(row));
          found += rows->size();
          return found >= limit;
        });
    if (!walked.ok()) return walked;
  }
  std::ranges::sort(records, Before);
  if (records.size() > limit) records.resize(limit);
  return records;
}

absl::StatusOr<Page> TimelineCursor::Next(Session& session) {
  if (pending_.empty() && !all_events_) {
    auto page = events_.Next(session);
    if (!page.ok()) return page.status();
    if (vault_ != nullptr) {
      if (absl::Status opened = vault_->Open(page->events); !opened.ok()) return opened;
    }
    all_events_ = page->last;
    pending_.assign(std::make_move_iterator(page->events.begin()), std::make_move_iterator(page->events.end()));
  }
  // Up to the latest event in hand; to the end once there are no more.
  TimeMicros to = domain::kMaxTime;
  if (!all_events_) {
    to = domain::kMinTime;
    for (const auto& event : pending_) to = std::max(to, event.timestamp + 1);
  }
  auto records = Records(session, to, kRecords);
  if (!records.ok()) return records.status();
  // With as many as were asked for there may be more, which come before what is later than the last one.
  const bool all_records = records->size() < kRecords;
  std::vector<TimelineItem> items;
  std::size_t next = 0;
  while (items.size() < domain::kMaxPageEvents) {
    if (next < records->size() && (pending_.empty() || PlaceOf((*records)[next]).time < pending_.front().timestamp)) {
      items.push_back((*records)[next++]);
    } else if (!pending_.empty() && (next < records->size() || all_records)) {
      items.emplace_back(std::move(pending_.front()));
      pending_.pop_front();
    } else {
      break;
    }
  }
  if (next > 0) after_ = PlaceOf((*records)[next - 1]);
  Page page;
  page.more = !items.empty();
  items_ = std::move(items);
  page.last = all_events_ && pending_.empty() && all_records && next == records->size();
  return page;
}

}  // namespace eventstore::storage
