#include "server/domain/event_validation.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "fmt/format.h"
#include "server/domain/json_object.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain {
namespace {

constexpr Version kLastVersion = std::numeric_limits<Version>::max();
constexpr char kEmptyObject[] = "{}";
constexpr char kDefaultSource[] = "api";

// Where a value is in the request. A path is text only once something is wrong there: a request has up to 80 000.
struct Place {
  bool single = false;
  std::size_t append = 0;
  std::optional<std::size_t> event;

  std::string Path() const {
    std::string prefix = single ? "" : fmt::format("appends[{}]", append);
    if (!event) return prefix;
    return fmt::format("{}{}events[{}]", prefix, single ? "" : ".", *event);
  }
  std::string Field(const char* name) const {
    const std::string path = Path();
    return path.empty() ? name : fmt::format("{}.{}", path, name);
  }
};

class BatchParser {
 public:
  BatchParser(bool single, IdMaker& ids, const RequestLimits& limits) : single_(single), ids_(ids), limits_(limits) {}

  absl::StatusOr<AppendBatch> Parse(RawBatch raw) {
    CheckCounts(raw);
    // Too many to look at one by one.
    if (!violations_.empty()) return violations_.ToStatus();

    AppendBatch batch;
    batch.single = single_;
    batch.appends.reserve(raw.appends.size());
    for (std::size_t i = 0; i < raw.appends.size(); ++i) {
      batch.appends.push_back(ParseAppend(std::move(raw.appends[i]), Place{single_, i, std::nullopt}));
    }
    batch.checks.reserve(raw.checks.size());
    for (std::size_t i = 0; i < raw.checks.size(); ++i) {
      batch.checks.push_back(ParseAggregateCheck(raw.checks[i], i));
    }
    CheckTotalBytes();
    CheckIdsDiffer();
    if (!violations_.empty()) return violations_.ToStatus();
    if (exhausted_) return ToStatus(*exhausted_);
    return batch;
  }

 private:
  struct SentId {
    Uuid id;
    std::size_t append;
    std::size_t event;

    auto Order() const { return std::tie(id, append, event); }
  };

  // What this request alone says about an aggregate's version.
  struct Chain {
    std::size_t last_append;
    std::int64_t version;
  };

  std::string ListField() const { return single_ ? "events" : "appends"; }

  void CheckCounts(const RawBatch& raw) {
    std::size_t events = 0;
    for (const RawAppend& append : raw.appends) events += append.events.size();
    if (raw.appends.empty()) violations_.Add("appends", "is empty: send at least one append");
    if (raw.appends.size() > kMaxAppendsPerBatch) {
      violations_.AddLimit("appends", "max_appends", raw.appends.size(), kMaxAppendsPerBatch);
    }
    if (raw.checks.size() > kMaxChecksPerBatch) {
      violations_.AddLimit("checks", "max_checks", raw.checks.size(), kMaxChecksPerBatch);
    }
    if (events > limits_.events) {
      violations_.AddLimit(ListField(), "max_events", events, limits_.events, kMaxEventsSetting);
    }
  }

  Append ParseAppend(RawAppend raw, const Place& place) {
    Append append;
    const std::optional<Uuid> aggregate_id = ParseUuid(raw.aggregate_id, place, "aggregate_id");
    Text(raw.aggregate_type, place, "aggregate_type", "max_aggregate_type_bytes", 1, kMaxAggregateTypeBytes);
    const std::optional<VersionCheck> check =
        ParseCheck(raw.check, [&](const char* name) { return place.Field(name); });
    if (raw.events.empty()) violations_.Add(place.Field("events"), "is empty: send at least one event");
    if (aggregate_id && check) FollowVersions(*aggregate_id, *check, raw.events.size(), place);

    append.aggregate_id = aggregate_id.value_or(Uuid{});
    append.aggregate_type = std::move(raw.aggregate_type);
    append.check = check.value_or(VersionCheck{});
    append.events.reserve(raw.events.size());
    for (std::size_t i = 0; i < raw.events.size(); ++i) {
      append.events.push_back(ParseEvent(std::move(raw.events[i]), Place{single_, place.append, i}));
    }
    return append;
  }

  NewEvent ParseEvent(RawEvent raw, const Place& place) {
    NewEvent event;
    if (raw.id.empty()) {
      event.id = ids_.Make();
      event.id_made_here = true;
    } else if (const auto id = ParseUuid(raw.id, place, "id")) {
      event.id = *id;
      sent_ids_.push_back({*id, place.append, place.event.value_or(0)});
    }
    Text(raw.event_type, place, "event_type", "max_event_type_bytes", 1, kMaxEventTypeBytes);
    Text(raw.user_id, place, "user_id", "max_user_id_bytes", 0, kMaxUserIdBytes);
    Json(raw.data, place, "data", kMaxDataBytesSetting, limits_.data_bytes);
    Json(raw.metadata, place, "metadata", kMaxMetadataBytesSetting, limits_.metadata_bytes, limits_.reserved_member);
    if (!raw.causation_id.empty()) event.causation_id = ParseUuid(raw.causation_id, place, "causation_id");
    if (!raw.correlation_id.empty()) event.correlation_id = ParseUuid(raw.correlation_id, place, "correlation_id");
    if (raw.source.empty()) raw.source = kDefaultSource;
    Text(raw.source, place, "source", "max_source_bytes", 1, kMaxSourceBytes);

    event.event_type = std::move(raw.event_type);
    event.user_id = std::move(raw.user_id);
    event.data = std::move(raw.data);
    event.metadata = std::move(raw.metadata);
    event.source = std::move(raw.source);
    return event;
  }

  AggregateCheck ParseAggregateCheck(const RawAggregateCheck& raw, std::size_t index) {
    const auto field = [&](const char* name) { return fmt::format("checks[{}].{}", index, name); };
    const std::optional<Uuid> aggregate_id = Uuid::Parse(raw.aggregate_id);
    if (!aggregate_id) AddBadUuid(violations_, field("aggregate_id"), raw.aggregate_id);
    if (raw.check.kind == RawCheck::Kind::kAny) {
      violations_.Add(field("version_check"), "would check nothing: send expected_version or existing");
      return {};
    }
    const std::optional<VersionCheck> check = ParseCheck(raw.check, field);
    if (aggregate_id && check && check->kind == VersionCheck::Kind::kExact) {
      const auto [first, added] = checked_.try_emplace(*aggregate_id, Chain{index, check->expected});
      if (!added && first->second.version != check->expected) {
        violations_.Add(field("expected_version"),
                        fmt::format("is {}, but checks[{}] expects version {} of the same aggregate", check->expected,
                                    first->second.last_append, first->second.version));
      }
    }
    return {aggregate_id.value_or(Uuid{}), check.value_or(VersionCheck{})};
  }

  // `field` makes the path of a field beside the check.
  template <typename Field>
  std::optional<VersionCheck> ParseCheck(const RawCheck& raw, const Field& field) {
    constexpr char kMustBeTrue[] = "must be true when it is sent";
    switch (raw.kind) {
      case RawCheck::Kind::kMissing:
        break;
      case RawCheck::Kind::kExact:
        if (raw.expected >= 0 && raw.expected < kLastVersion) return VersionCheck::Exact(raw.expected);
        violations_.Add(field("expected_version"),
                        fmt::format("is {}; versions to expect are 0 to {}", raw.expected, kLastVersion - 1));
        return std::nullopt;
      case RawCheck::Kind::kAny:
        if (raw.flag) return VersionCheck::Any();
        violations_.Add(field("any_version"), kMustBeTrue);
        return std::nullopt;
      case RawCheck::Kind::kExisting:
        if (raw.flag) return VersionCheck::Existing();
        violations_.Add(field("existing"), kMustBeTrue);
        return std::nullopt;
    }
    violations_.Add(field("version_check"), "is required: say which version of the aggregate you expect");
    return std::nullopt;
  }

  // An exact version tells the version after the append too, and so what a later append to the same aggregate can
  // expect. After any_version or existing alone nothing is known here; the store decides then.
  void FollowVersions(const Uuid& aggregate_id, const VersionCheck& check, std::size_t events, const Place& place) {
    auto known = chains_.find(aggregate_id);
    if (check.kind == VersionCheck::Kind::kExact) {
      if (known == chains_.end()) {
        known = chains_.emplace(aggregate_id, Chain{place.append, check.expected}).first;
      } else if (known->second.version != check.expected) {
        violations_.Add(place.Field("expected_version"),
                        fmt::format("is {}, but appends[{}] leaves the aggregate at version {}", check.expected,
                                    known->second.last_append, known->second.version));
        return;
      }
    }
    if (known == chains_.end()) return;
    Chain& chain = known->second;
    chain.last_append = place.append;
    chain.version += static_cast<std::int64_t>(events);
    if (chain.version > kLastVersion && !exhausted_) {
      exhausted_ = Exhausted(aggregate_id, chain.version - static_cast<std::int64_t>(events), events, place);
    }
  }

  static Error Exhausted(const Uuid& aggregate_id, std::int64_t version, std::size_t events, const Place& place) {
    Error error;
    error.reason = Reason::kVersionExhausted;
    error.message = fmt::format(
        "{} would take aggregate {} from version {} past {}, the last one there is; nothing was done. Continue in a "
        "new "
        "aggregate",
        place.Field("events"), aggregate_id.ToString(), version, kLastVersion);
    error.metadata = {{"field", place.Field("events")},
                      {"aggregate_id", aggregate_id.ToString()},
                      {"expected_version", fmt::format("{}", version)},
                      {"events", fmt::format("{}", events)}};
    return error;
  }

  void CheckTotalBytes() {
    if (total_bytes_ > limits_.request_bytes) {
      violations_.AddLimit(ListField(), "max_request_bytes", total_bytes_, limits_.request_bytes,
                           kMaxRequestBytesSetting);
    }
  }

  void CheckIdsDiffer() {
    std::ranges::sort(sent_ids_, [](const SentId& a, const SentId& b) { return a.Order() < b.Order(); });
    for (std::size_t i = 1; i < sent_ids_.size(); ++i) {
      const SentId& first = sent_ids_[i - 1];
      const SentId& second = sent_ids_[i];
      if (first.id != second.id) continue;
      violations_.Add(Place{single_, second.append, second.event}.Field("id"),
                      fmt::format("is also the id of {}; give every event its own",
                                  Place{single_, first.append, first.event}.Path()));
    }
  }

  std::optional<Uuid> ParseUuid(const std::string& text, const Place& place, const char* name) {
    const std::optional<Uuid> id = Uuid::Parse(text);
    if (!id) AddBadUuid(violations_, place.Field(name), text);
    return id;
  }

  void Text(const std::string& text, const Place& place, const char* name, const char* limit, std::size_t min,
            std::size_t max) {
    if (text.size() >= min && text.size() <= max && IsValidUtf8(text)) return;
    CheckText(violations_, place.Field(name), limit, text, min, max);
  }

  // `limit` is also the setting that changes it.
  void Json(std::string& text, const Place& place, const char* name, const char* limit, std::size_t max,
            std::string_view reserved = {}) {
    if (text.empty()) text = kEmptyObject;
    const absl::StatusOr<JsonFacts> facts = InspectJsonObject(text, limits_.json_depth, reserved);
    if (!facts.ok()) {
      violations_.Add(place.Field(name), std::string(facts.status().message()));
      return;
    }
    if (facts->normal_bytes > max) violations_.AddLimit(place.Field(name), limit, facts->normal_bytes, max, limit);
    total_bytes_ += facts->normal_bytes;
  }

  const bool single_;
  IdMaker& ids_;
  const RequestLimits limits_;
  Violations violations_;
  std::optional<Error> exhausted_;
  std::size_t total_bytes_ = 0;
  std::vector<SentId> sent_ids_;
  std::unordered_map<Uuid, Chain, UuidHash> chains_;
  std::unordered_map<Uuid, Chain, UuidHash> checked_;
};

}  // namespace

absl::StatusOr<AppendBatch> ParseBatch(RawBatch raw, bool single, IdMaker& ids, const RequestLimits& limits) {
  return BatchParser(single, ids, limits).Parse(std::move(raw));
}

}  // namespace eventstore::domain
