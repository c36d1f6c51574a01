#include "server/domain/import.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "fmt/format.h"
#include "server/domain/iso_time.h"
#include "server/domain/position.h"

namespace eventstore::domain {
namespace {

// Last, so that it wins over a key of the same name: jsonb keeps the last of its doubles.
std::string WithOriginalTime(const std::string& metadata, TimeMicros time) {
  const std::size_t open = metadata.find('{');
  const std::size_t end = metadata.rfind('}');
  const bool empty = metadata.find_first_not_of(" \t\r\n", open + 1) == end;
  return fmt::format(R"({}{}"{}":"{}"}})", metadata.substr(0, end), empty ? "" : ",", kOriginalTimestamp,
                     IsoTime(time));
}

class Importing {
 public:
  Importing(const Heads& heads, const StoredIds& stored, const Stamp& stamp)
      : before_(heads), stored_(stored), stamp_(stamp) {}

  void Judge(const ImportedEvent& event) { plan_.verdicts.push_back(VerdictOn(event)); }

  ImportPlan Take() {
    for (const Uuid& id : changed_order_) plan_.heads.push_back({id, HeadBefore(id), changed_.at(id)});
    return std::move(plan_);
  }

 private:
  using Kind = ImportVerdict::Kind;

  static ImportVerdict Of(Kind kind, const Uuid& other = {}) {
    return {.kind = kind, .recorded = {}, .clamped = false, .other_aggregate = other};
  }

  ImportVerdict VerdictOn(const ImportedEvent& event) {
    if (const auto found = stored_.find(event.event.id); found != stored_.end()) {
      if (found->second == event.aggregate_id) return Of(Kind::kAlreadyThere);
      return Of(Kind::kIdTaken, found->second);
    }
    if (const auto twin = taken_.find(event.event.id); twin != taken_.end()) {
      if (*twin->second == event) return Of(Kind::kAlreadyThere);
      return Of(Kind::kIdTaken, twin->second->aggregate_id);
    }
    if (HeadNow(event.aggregate_id).version == std::numeric_limits<Version>::max()) return Of(Kind::kExhausted);
    return Write(event);
  }

  ImportVerdict Write(const ImportedEvent& event) {
    const auto [place, added] = changed_.try_emplace(event.aggregate_id, HeadBefore(event.aggregate_id));
    if (added) changed_order_.push_back(event.aggregate_id);
    AggregateHead& head = place->second;
    const TimeMicros time = head.version == 0 ? event.timestamp : std::max(event.timestamp, head.last_timestamp);
    if (head.version == 0) head.first_timestamp = time;
    head.last_timestamp = time;
    const auto ordinal = static_cast<std::int64_t>(plan_.rows.size());
    const AppendedEvent recorded{event.event.id, ++head.version, time,
                                 MakePosition(stamp_.xid, stamp_.xid_offset, ordinal)};
    const bool clamped = time != event.timestamp;
    plan_.rows.push_back(
        {&event, recorded, clamped ? WithOriginalTime(event.event.metadata, event.timestamp) : std::string()});
    taken_.emplace(event.event.id, &event);
    return {.kind = Kind::kWritten, .recorded = recorded, .clamped = clamped, .other_aggregate = {}};
  }

  AggregateHead HeadBefore(const Uuid& id) const {
    const auto found = before_.find(id);
    return found == before_.end() ? AggregateHead{} : found->second;
  }

  AggregateHead HeadNow(const Uuid& id) const {
    const auto found = changed_.find(id);
    return found == changed_.end() ? HeadBefore(id) : found->second;
  }

  const Heads& before_;
  const StoredIds& stored_;
  const Stamp stamp_;
  Heads changed_;
  std::vector<Uuid> changed_order_;
  std::unordered_map<Uuid, const ImportedEvent*, UuidHash> taken_;
  ImportPlan plan_;
};

}  // namespace

ImportPlan PlanImport(std::span<const ImportedEvent> events, const Heads& heads, const StoredIds& stored,
                      const Stamp& stamp) {
  Importing importing(heads, stored, stamp);
  for (const ImportedEvent& event : events) importing.Judge(event);
  return importing.Take();
}

bool MayBeStored(const ImportedEvent& event, const Heads& heads) {
  const auto head = heads.find(event.aggregate_id);
  return head != heads.end() && head->second.version > 0 && event.timestamp <= head->second.last_timestamp;
}

}  // namespace eventstore::domain
