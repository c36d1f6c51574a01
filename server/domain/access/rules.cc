#include "server/domain/access/rules.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/domain/error.h"

namespace eventstore::domain::access {
namespace {

using Texts = std::vector<std::string>;

bool IsAnyOf(const Texts& values, std::string_view value) { return std::ranges::find(values, value) != values.end(); }

bool BeginsWithAnyOf(const Texts& prefixes, std::string_view value) {
  return std::ranges::any_of(prefixes, [&](const auto& prefix) { return value.starts_with(prefix); });
}

bool LimitsTypes(const Limits& limits) { return !limits.event_types.empty() || !limits.event_type_prefixes.empty(); }

bool MayHaveAggregateType(const Limits& limits, std::string_view type) {
  return limits.aggregate_types.empty() || IsAnyOf(limits.aggregate_types, type);
}

bool MayHaveUser(const Limits& limits, std::string_view user) {
  return limits.user_ids.empty() || IsAnyOf(limits.user_ids, user);
}

bool MayHaveType(const Limits& limits, std::string_view type) {
  return !LimitsTypes(limits) || IsAnyOf(limits.event_types, type) || BeginsWithAnyOf(limits.event_type_prefixes, type);
}

// "aggregate types order, invoice; event types order.*": what an identity is told of itself.
std::string Described(const Limits& limits) {
  Texts parts;
  if (!limits.aggregate_types.empty()) {
    parts.push_back(fmt::format("aggregate types {}", fmt::join(limits.aggregate_types, ", ")));
  }
  if (!limits.user_ids.empty()) parts.push_back(fmt::format("user ids {}", fmt::join(limits.user_ids, ", ")));
  if (LimitsTypes(limits)) {
    Texts types = limits.event_types;
    for (const auto& prefix : limits.event_type_prefixes) types.push_back(prefix + "*");
    parts.push_back(fmt::format("event types {}", fmt::join(types, ", ")));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

absl::Status Outside(const Identity& identity, const std::string& field, const std::string& what) {
  Error error;
  error.reason = Reason::kOutsideLimits;
  const std::string allowed = Described(identity.limits);
  error.message = fmt::format("{}: {}. The identity '{}' is limited to {}; stay within that, or use another identity",
                              field, what, identity.name, allowed);
  error.metadata = {{"identity", identity.name}, {"field", field}, {"allowed", allowed}};
  return ToStatus(error);
}

// What is asked for has to be allowed; nothing asked for becomes all that is allowed.
absl::Status NarrowList(const Identity& identity, const std::string& field, const Texts& allowed, Texts& asked) {
  if (allowed.empty()) return absl::OkStatus();
  for (const auto& value : asked) {
    if (!IsAnyOf(allowed, value)) return Outside(identity, field, fmt::format("'{}' may not be read", value));
  }
  if (asked.empty()) asked = allowed;
  return absl::OkStatus();
}

absl::Status NarrowTypes(const Identity& identity, const std::string& path, Texts& types, Texts& prefixes) {
  const Limits& limits = identity.limits;
  if (!LimitsTypes(limits)) return absl::OkStatus();
  for (const auto& type : types) {
    if (!MayHaveType(limits, type)) {
      return Outside(identity, path + "event_types", fmt::format("'{}' may not be read", type));
    }
  }
  for (const auto& prefix : prefixes) {
    // Types that begin so are all allowed, or it is refused.
    if (!BeginsWithAnyOf(limits.event_type_prefixes, prefix)) {
      return Outside(identity, path + "event_type_prefixes",
                     fmt::format("'{}' takes in more than may be read", prefix));
    }
  }
  if (!types.empty() || !prefixes.empty()) return absl::OkStatus();
  types = limits.event_types;
  prefixes = limits.event_type_prefixes;
  return absl::OkStatus();
}

absl::Status NarrowFilter(const Identity& identity, const std::string& path, EventFilter& filter) {
  const Limits& limits = identity.limits;
  if (limits.none()) return absl::OkStatus();
  absl::Status narrowed =
      NarrowList(identity, path + "aggregate_types", limits.aggregate_types, filter.aggregate_types);
  if (narrowed.ok()) narrowed = NarrowList(identity, path + "user_ids", limits.user_ids, filter.user_ids);
  if (narrowed.ok()) narrowed = NarrowTypes(identity, path, filter.event_types, filter.event_type_prefixes);
  return narrowed;
}

absl::Status RoleMissing(const Identity& identity, const std::string& needed, const std::string& what) {
  Error error;
  error.reason = Reason::kRoleMissing;
  const std::string has = identity.roles.Joined(", ");
  error.message = fmt::format(
      "{} needs the role {}; the identity '{}' has {}: use another identity, or have the role "
      "added to it",
      what, needed, identity.name, has);
  error.metadata = {{"identity", identity.name}, {"needed", needed}, {"roles", has}};
  return ToStatus(error);
}

}  // namespace

absl::Status CheckCall(const Identity& identity, const CallRule& rule, std::string_view method) {
  if (!identity.roles.HasAnyOf(rule.any_of)) {
    return RoleMissing(identity, rule.any_of.Joined(" or "), std::string(method));
  }
  if (rule.keeps_limits || identity.limits.none()) return absl::OkStatus();
  return Outside(identity, "", fmt::format("{} cannot be limited", method));
}

absl::Status CheckAppend(const Identity& identity, const AppendBatch& batch) {
  const Limits& limits = identity.limits;
  if (limits.none()) return absl::OkStatus();
  for (std::size_t a = 0; a < batch.appends.size(); ++a) {
    const Append& append = batch.appends[a];
    const std::string path = batch.single ? "" : fmt::format("appends[{}].", a);
    if (!MayHaveAggregateType(limits, append.aggregate_type)) {
      return Outside(identity, path + "aggregate_type", fmt::format("'{}' may not be written", append.aggregate_type));
    }
    for (std::size_t e = 0; e < append.events.size(); ++e) {
      const NewEvent& event = append.events[e];
      const auto field = [&](const char* name) { return fmt::format("{}events[{}].{}", path, e, name); };
      if (!MayHaveUser(limits, event.user_id)) {
        return Outside(identity, field("user_id"), fmt::format("'{}' may not be written", event.user_id));
      }
      if (!MayHaveType(limits, event.event_type)) {
        return Outside(identity, field("event_type"), fmt::format("'{}' may not be written", event.event_type));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Narrow(const Identity& identity, EventFilter& filter) { return NarrowFilter(identity, "filter.", filter); }

absl::Status Narrow(const Identity& identity, UserQuery& query) {
  const Limits& limits = identity.limits;
  if (!MayHaveUser(limits, query.user_id)) {
    return Outside(identity, "user_id", fmt::format("'{}' may not be read", query.user_id));
  }
  absl::Status narrowed = NarrowList(identity, "aggregate_types", limits.aggregate_types, query.aggregate_types);
  if (narrowed.ok()) narrowed = NarrowTypes(identity, "", query.event_types, query.event_type_prefixes);
  return narrowed;
}

absl::Status Narrow(const Identity& identity, CountQuery& query) { return NarrowFilter(identity, "", query.filter); }

absl::Status Narrow(const Identity& identity, CorrelationQuery& query) {
  return NarrowFilter(identity, "", query.filter);
}

absl::Status CheckEvent(const Identity& identity, const RecordedEvent& event) {
  const Limits& limits = identity.limits;
  if (MayHaveAggregateType(limits, event.aggregate_type) && MayHaveUser(limits, event.user_id) &&
      MayHaveType(limits, event.event_type)) {
    return absl::OkStatus();
  }
  // Not what the event has: that is what may not be read.
  return Outside(identity, "aggregate_id", "the aggregate has events that may not be read");
}

absl::Status UnknownAggregate(const Identity& identity) {
  return Outside(identity, "aggregate_id", "no event of the aggregate is left that could show whose it is");
}

absl::Status CheckTimeline(const Identity& identity) {
  if (identity.limits.none()) return absl::OkStatus();
  return Outside(identity, "include_operations", "operational records cannot be limited");
}

absl::Status CheckRun(const Identity& identity, const RunRequest& request) {
  constexpr std::array<std::string_view, 2> kDropping = {"retention", "record-retention"};
  if (request.dry_run || identity.roles.Has(Role::kAdmin) ||
      std::ranges::find(kDropping, request.task) == kDropping.end()) {
    return absl::OkStatus();
  }
  return RoleMissing(identity, NameOf(Role::kAdmin),
                     fmt::format("running {}, which drops what is old (a dry run does not),", request.task));
}

}  // namespace eventstore::domain::access
