#include "server/storage/count_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/storage/chunk_directory.h"
#include "server/storage/cursor.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

using domain::GroupBy;

// SQL for the key of a group; the session's time zone is UTC.
const char* KeyOf(GroupBy group_by) {
  switch (group_by) {
    case GroupBy::kNone:
      return "''";
    case GroupBy::kDay:
      return "to_char(timestamp, 'YYYY-MM-DD')";
    case GroupBy::kHour:
      return R"(to_char(timestamp, 'YYYY-MM-DD"T"HH24":00Z"'))";
    case GroupBy::kEventType:
      return "event_type";
    case GroupBy::kAggregateType:
      return "aggregate_type";
    case GroupBy::kUser:
      return "coalesce(user_id, '')";
    case GroupBy::kSource:
      return "source";
  }
  return "''";
}

absl::Status TooManyGroups() {
  domain::Error error;
  error.reason = domain::Reason::kLimitExceeded;
  error.message =
      fmt::format("the count has more than {} groups; narrow the time range or the filter", domain::kMaxGroups);
  error.metadata = {{"limit", "groups"}, {"max", fmt::format("{}", domain::kMaxGroups)}};
  error.violations = {{"group_by", fmt::format("gives more than {} groups", domain::kMaxGroups)}};
  return domain::ToStatus(error);
}

// `whole`: the chunk lies within the range.
Where Conditions(const domain::CountQuery& query, bool whole) {
  Where where(0);
  if (!whole) where.AndWithin(query.range);
  where.AndFilter(query.filter);
  if (query.aggregate_id) where.And("aggregate_id = {}::uuid", query.aggregate_id->ToString());
  if (query.correlation_id) where.And("correlation_id = {}::uuid", query.correlation_id->ToString());
  return where;
}

using List = const std::vector<std::string> domain::EventFilter::*;

// Whether nothing is asked for beside the time and `allowed`, which may be null.
bool OnlyAsksFor(const domain::EventFilter& filter, List allowed) {
  using Filter = domain::EventFilter;
  constexpr std::array kLists = {&Filter::event_types, &Filter::aggregate_types, &Filter::user_ids, &Filter::sources};
  if (!filter.event_type_prefixes.empty() && allowed != &Filter::event_types) return false;
  return std::ranges::all_of(kLists, [&](List list) { return list == allowed || (filter.*list).empty(); });
}

// One count. Closed chunks are opened only for what the directory does not know.
class Counter {
 public:
  Counter(Session& session, const domain::CountQuery& query) : session_(session), query_(query) {}

  absl::StatusOr<domain::CountResult> Run(ChunkCatalog& catalog) {
    domain::TimeRange range = query_.range;
    if (query_.aggregate_id) {
      auto found = FindAggregate(session_, *query_.aggregate_id, {}, domain::Direction::kForward, INT32_MAX);
      if (!found.ok()) return found.status();
      if (found->head.version == 0) return domain::CountResult{};
      first_event_ = found->head.first_timestamp;
      range.from = std::max(range.from, found->head.first_timestamp);
      range.to = std::min(range.to, found->head.last_timestamp + 1);
      known_.emplace();
      known_->changes = found->changes;
      for (const auto& place : found->places) known_->places.push_back({place.chunk, place.events, {}});
      exact_ = query_.group_by == GroupBy::kNone && !query_.correlation_id && OnlyAsksFor(query_.filter, nullptr);
    }
    auto list = catalog.All(session_);
    if (!list.ok()) return list.status();
    const auto chunks = Overlapping(**list, range);
    if (chunks.empty()) return domain::CountResult{};
    if (absl::Status asked = Ask({chunks.front().range.from, chunks.back().range.from + 1}); !asked.ok()) return asked;
    for (const Chunk& chunk : chunks) {
      const bool whole = query_.range.from <= chunk.range.from && chunk.range.to <= query_.range.to;
      if (AddKnown(chunk, whole)) continue;
      if (absl::Status added = AddCounted(chunk, whole); !added.ok()) return added;
    }
    result_.groups.assign(groups_.begin(), groups_.end());
    return std::move(result_);
  }

 private:
  absl::Status Ask(const domain::TimeRange& starts) {
    const domain::EventFilter& filter = query_.filter;
    const bool grouped = query_.group_by != GroupBy::kNone;
    const bool by_type = query_.group_by == GroupBy::kEventType;
    absl::StatusOr<Places> found = Places();
    if (known_) return absl::OkStatus();
    if (query_.correlation_id) {
      found = FindCorrelations(session_, {*query_.correlation_id}, starts);
      exact_ = !grouped && OnlyAsksFor(filter, nullptr);
    } else if (!filter.user_ids.empty()) {
      found = FindUsers(session_, filter.user_ids, starts);
      exact_ = (!grouped || query_.group_by == GroupBy::kUser) && OnlyAsksFor(filter, &domain::EventFilter::user_ids);
    } else if (!filter.event_types.empty() || !filter.event_type_prefixes.empty() || by_type) {
      found = FindEventTypes(session_, filter.event_types, filter.event_type_prefixes, starts);
      exact_ = (!grouped || by_type) && OnlyAsksFor(filter, &domain::EventFilter::event_types);
    } else {
      only_time_ = !grouped && OnlyAsksFor(filter, nullptr);
      return absl::OkStatus();
    }
    if (!found.ok()) return found.status();
    std::ranges::sort(found->places, {}, &Place::chunk);
    known_ = *std::move(found);
    return absl::OkStatus();
  }

  // False: the chunk is to be opened.
  bool AddKnown(const Chunk& chunk, bool whole) {
    if (only_time_ && whole && chunk.closed) {
      result_.count += chunk.closed->events;
      return true;
    }
    if (!known_ || !chunk.ClosedBy(known_->changes)) return false;
    // An aggregate has no place in the chunk of its first event.
    if (first_event_ && chunk.range.Contains(*first_event_)) return false;
    const auto places = std::ranges::equal_range(known_->places, chunk.range.from, {}, &Place::chunk);
    if (places.empty()) return true;
    if (!exact_ || !whole) return false;
    for (const Place& place : places) Add(place.key, place.events);
    return true;
  }

  absl::Status AddCounted(const Chunk& chunk, bool whole) {
    const Where where = Conditions(query_, whole);
    // One group more than allowed tells that there are too many, without reading them all.
    auto rows = session_.RunKept(fmt::format("SELECT {} AS key, count(*) FROM {} WHERE {} GROUP BY 1 LIMIT {}",
                                             KeyOf(query_.group_by), chunk.table, where.text(), domain::kMaxGroups + 1),
                                 where.args());
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) Add(row[0].c_str(), row[1].as<std::int64_t>());
    if (groups_.size() > domain::kMaxGroups) return TooManyGroups();
    return absl::OkStatus();
  }

  void Add(const std::string& key, std::int64_t count) {
    result_.count += count;
    if (query_.group_by != GroupBy::kNone) groups_[key] += count;
  }

  Session& session_;
  const domain::CountQuery& query_;
  std::optional<Places> known_;
  std::optional<domain::TimeMicros> first_event_;
  bool exact_ = false;      // what is known of a closed chunk is all that is asked for
  bool only_time_ = false;  // nothing else is asked for
  std::map<std::string, std::int64_t> groups_;
  domain::CountResult result_;
};

}  // namespace

absl::StatusOr<domain::CountResult> CountEvents(Session& session, ChunkCatalog& catalog,
                                                const domain::CountQuery& query) {
  return ReadWithRetries(catalog, [&] { return Counter(session, query).Run(catalog); });
}

}  // namespace eventstore::storage
