#include "server/domain/decide.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <unordered_set>

#include "fmt/format.h"
#include "server/domain/position.h"

namespace eventstore::domain {
namespace {

std::string FieldOf(const AppendBatch& batch, std::size_t append) {
  return batch.single ? "" : fmt::format("appends[{}]", append);
}

std::string ExpectedText(const VersionCheck& check) {
  return check.kind == VersionCheck::Kind::kExisting ? "existing" : fmt::format("{}", check.expected);
}

// "0-2,5" of ascending numbers: names all of them in few bytes.
std::string Ranges(const std::vector<std::size_t>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i;
    while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ",", numbers[i]);
    if (end > i) text += fmt::format("-{}", numbers[end]);
    i = end + 1;
  }
  return text;
}

// The version checks of one request that failed.
struct Failed {
  std::vector<Conflict> conflicts;
  std::vector<std::size_t> appends;
  std::vector<std::size_t> checks;
};

class Decider {
 public:
  Decider(const Heads& heads, const StoredEvents& stored, const Stamp& stamp)
      : before_(heads), stored_(stored), stamp_(stamp) {}

  void Judge(const AppendBatch& request) { plan_.verdicts.push_back(VerdictOn(request)); }

  AppendPlan Take() {
    for (const Uuid& id : changed_order_) plan_.heads.push_back({id, HeadBefore(id), changed_.at(id)});
    return std::move(plan_);
  }

 private:
  Verdict VerdictOn(const AppendBatch& request) {
    if (UsesTakenId(request) || FollowsDeferred(request)) {
      Defer(request);
      return {.kind = Verdict::Kind::kDeferred, .result = {}, .error = {}};
    }
    if (HasStoredId(request)) return Repeat(request);
    Heads scratch;
    if (auto refused = Check(request, scratch)) return std::move(*refused);
    return Accept(request);
  }

  bool UsesTakenId(const AppendBatch& request) const {
    return std::ranges::any_of(request.appends, [&](const Append& append) {
      return std::ranges::any_of(append.events, [&](const NewEvent& e) { return taken_ids_.contains(e.id); });
    });
  }

  bool FollowsDeferred(const AppendBatch& request) const {
    if (deferred_.empty()) return false;
    const auto waits = [&](const auto& named) { return deferred_.contains(named.aggregate_id); };
    return std::ranges::any_of(request.appends, waits) || std::ranges::any_of(request.checks, waits);
  }

  void Defer(const AppendBatch& request) {
    for (const Append& append : request.appends) {
      deferred_.insert(append.aggregate_id);
      for (const NewEvent& event : append.events) taken_ids_.insert(event.id);
    }
    // What it only looks at must not move on before it has looked either.
    for (const AggregateCheck& check : request.checks) deferred_.insert(check.aggregate_id);
  }

  bool HasStoredId(const AppendBatch& request) const {
    return std::ranges::any_of(request.appends, [&](const Append& append) {
      return std::ranges::any_of(append.events, [&](const NewEvent& e) { return stored_.contains(&e); });
    });
  }

  Verdict Repeat(const AppendBatch& request) const {
    Verdict verdict{.kind = Verdict::Kind::kReplayed, .result = {}, .error = {}};
    for (std::size_t i = 0; i < request.appends.size(); ++i) {
      const Append& append = request.appends[i];
      AppendResult result{.aggregate_id = append.aggregate_id, .version = 0, .events = {}};
      for (std::size_t j = 0; j < append.events.size(); ++j) {
        const NewEvent& event = append.events[j];
        const std::string field =
            fmt::format("{}{}events[{}].id", FieldOf(request, i), FieldOf(request, i).empty() ? "" : ".", j);
        const auto found = stored_.find(&event);
        if (found == stored_.end())
          return IdConflict(field, append, event, "is new, but other ids of this request are stored already");
        if (found->second.aggregate_id != append.aggregate_id) {
          return IdConflict(field, append, event,
                            fmt::format("was used in aggregate {}", found->second.aggregate_id.ToString()));
        }
        if (!found->second.same_content) {
          return IdConflict(field, append, event,
                            fmt::format("is stored as version {} with other content", found->second.appended.version));
        }
        result.events.push_back(found->second.appended);
      }
      if (!IsRepeatOf(append, result.events)) {
        return IdConflict(fmt::format("{}{}events[0].id", FieldOf(request, i), FieldOf(request, i).empty() ? "" : "."),
                          append, append.events.front(),
                          fmt::format("is stored as version {}, where this append cannot have written it",
                                      result.events.front().version));
      }
      result.version = result.events.back().version;
      verdict.result.push_back(std::move(result));
    }
    return verdict;
  }

  static Verdict IdConflict(const std::string& field, const Append& append, const NewEvent& event,
                            const std::string& what) {
    Error error;
    error.reason = Reason::kEventIdConflict;
    error.message =
        fmt::format("event id {} ({}) {}; nothing was written. Repeat an append unchanged, or give new events new ids",
                    event.id.ToString(), field, what);
    error.metadata = {{"event_id", event.id.ToString()}, {"aggregate_id", append.aggregate_id.ToString()}};
    error.violations = {{field, what}};
    return {.kind = Verdict::Kind::kRejected, .result = {}, .error = std::move(error)};
  }

  // Versions chain within a request: `scratch` holds the heads it would leave.
  std::optional<Verdict> Check(const AppendBatch& request, Heads& scratch) const {
    Failed failed;
    for (std::size_t i = 0; i < request.checks.size(); ++i) {
      const AggregateCheck& check = request.checks[i];
      const Version actual = HeadNow(check.aggregate_id).version;
      if (!check.check.Holds(actual)) {
        failed.checks.push_back(i);
        failed.conflicts.push_back(
            {fmt::format("checks[{}]", i), check.aggregate_id, ExpectedText(check.check), actual});
      }
    }
    for (std::size_t i = 0; i < request.appends.size(); ++i) {
      const Append& append = request.appends[i];
      AggregateHead& head = scratch.try_emplace(append.aggregate_id, HeadNow(append.aggregate_id)).first->second;
      if (!append.check.Holds(head.version)) {
        failed.appends.push_back(i);
        failed.conflicts.push_back(
            {FieldOf(request, i), append.aggregate_id, ExpectedText(append.check), head.version});
        continue;
      }
      const auto room = std::numeric_limits<Version>::max() - head.version;
      if (append.events.size() > static_cast<std::size_t>(room)) return Exhausted(append, head.version);
      head.version += static_cast<Version>(append.events.size());
    }
    if (failed.conflicts.empty()) return std::nullopt;
    return Conflicted(request, std::move(failed));
  }

  static Verdict Exhausted(const Append& append, Version version) {
    Error error;
    error.reason = Reason::kVersionExhausted;
    error.message = fmt::format(
        "aggregate {} is at version {} and cannot take {} more events: the last version is 2147483647; go on in a new "
        "aggregate",
        append.aggregate_id.ToString(), version, append.events.size());
    error.metadata = {{"aggregate_id", append.aggregate_id.ToString()}, {"actual_version", fmt::format("{}", version)}};
    return {.kind = Verdict::Kind::kRejected, .result = {}, .error = std::move(error)};
  }

  static Verdict Conflicted(const AppendBatch& request, Failed failed) {
    const Conflict& first = failed.conflicts.front();
    Error error;
    error.reason = Reason::kVersionConflict;
    error.message = fmt::format(
        "aggregate {} is at version {}, expected {}{}; nothing was written. Read it from there and decide again",
        first.aggregate_id.ToString(), first.actual, first.expected,
        failed.conflicts.size() > 1 ? fmt::format(" (and {} more conflicts)", failed.conflicts.size() - 1) : "");
    error.metadata = {{"aggregate_id", first.aggregate_id.ToString()},
                      {"expected_version", first.expected},
                      {"actual_version", fmt::format("{}", first.actual)}};
    if (!request.single) {
      // The details may have to leave out some conflicts for their size; these name every one.
      if (!failed.appends.empty()) error.metadata.emplace_back("failed_appends", Ranges(failed.appends));
      if (!failed.checks.empty()) error.metadata.emplace_back("failed_checks", Ranges(failed.checks));
    }
    error.conflicts = std::move(failed.conflicts);
    return {.kind = Verdict::Kind::kRejected, .result = {}, .error = std::move(error)};
  }

  Verdict Accept(const AppendBatch& request) {
    Verdict verdict{.kind = Verdict::Kind::kAccepted, .result = {}, .error = {}};
    verdict.result.reserve(request.appends.size());
    for (const Append& append : request.appends) {
      AggregateHead& head = ChangedHead(append.aggregate_id);
      const TimeMicros time = std::max(stamp_.now, head.last_timestamp);
      if (head.version == 0) head.first_timestamp = time;
      head.last_timestamp = time;
      AppendResult result{.aggregate_id = append.aggregate_id, .version = 0, .events = {}};
      result.events.reserve(append.events.size());
      for (const NewEvent& event : append.events) {
        const auto ordinal = static_cast<std::int64_t>(plan_.rows.size());
        const AppendedEvent recorded{event.id, ++head.version, time,
                                     MakePosition(stamp_.xid, stamp_.xid_offset, ordinal)};
        plan_.rows.push_back({&append, &event, recorded});
        result.events.push_back(recorded);
        taken_ids_.insert(event.id);
      }
      result.version = head.version;
      verdict.result.push_back(std::move(result));
    }
    return verdict;
  }

  AggregateHead HeadBefore(const Uuid& id) const {
    const auto found = before_.find(id);
    // An aggregate that does not exist has no last event to stay behind.
    return found == before_.end() ? AggregateHead{0, 0, std::numeric_limits<TimeMicros>::min()} : found->second;
  }

  AggregateHead HeadNow(const Uuid& id) const {
    const auto found = changed_.find(id);
    return found == changed_.end() ? HeadBefore(id) : found->second;
  }

  AggregateHead& ChangedHead(const Uuid& id) {
    const auto [place, added] = changed_.try_emplace(id, HeadBefore(id));
    if (added) changed_order_.push_back(id);
    return place->second;
  }

  const Heads& before_;
  const StoredEvents& stored_;
  const Stamp stamp_;
  Heads changed_;
  std::vector<Uuid> changed_order_;
  std::unordered_set<Uuid, UuidHash> taken_ids_;  // of accepted and deferred requests
  std::unordered_set<Uuid, UuidHash> deferred_;   // aggregates
  AppendPlan plan_;
};

}  // namespace

bool IsRepeatOf(const Append& append, std::span<const AppendedEvent> events) {
  if (events.size() != append.events.size() || events.empty()) return false;
  const Version before = events.front().version - 1;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].id != append.events[i].id) return false;
    if (events[i].version != before + 1 + static_cast<Version>(i)) return false;
  }
  return append.check.Holds(before);
}

AppendPlan Decide(std::span<const AppendBatch* const> requests, const Heads& heads, const StoredEvents& stored,
                  const Stamp& stamp) {
  Decider decider(heads, stored, stamp);
  for (const AppendBatch* request : requests) decider.Judge(*request);
  return decider.Take();
}

}  // namespace eventstore::domain
