#include "server/domain/matching.h"

#include <algorithm>
#include <string_view>

#include "rapidjson/document.h"

namespace eventstore::domain {
namespace {

bool IsAnyOf(const std::vector<std::string>& values, const std::string& value) {
  return values.empty() || std::ranges::find(values, value) != values.end();
}

bool HasType(const EventFilter& filter, const std::string& type) {
  if (filter.event_types.empty() && filter.event_type_prefixes.empty()) return true;
  return std::ranges::find(filter.event_types, type) != filter.event_types.end() ||
         std::ranges::any_of(filter.event_type_prefixes, [&](const auto& prefix) { return type.starts_with(prefix); });
}

// `metadata` is what PostgreSQL printed: an object, each key once, numbers in the form that ->> gives.
bool HasMembers(const std::vector<std::pair<std::string, std::string>>& members, const std::string& metadata) {
  if (members.empty()) return true;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseNumbersAsStringsFlag>(metadata.data(), metadata.size());
  if (document.HasParseError() || !document.IsObject()) return false;
  return std::ranges::all_of(members, [&](const auto& member) {
    const auto& [key, value] = member;
    const auto found = document.FindMember(rapidjson::Value(key.data(), static_cast<rapidjson::SizeType>(key.size())));
    if (found == document.MemberEnd()) return false;
    if (found->value.IsBool()) return value == (found->value.GetBool() ? "true" : "false");
    return found->value.IsString() &&
           value == std::string_view(found->value.GetString(), found->value.GetStringLength());
  });
}

}  // namespace

bool Matches(const EventFilter& filter, const RecordedEvent& event) {
  if (filter.aggregate_id && *filter.aggregate_id != event.aggregate_id) return false;
  if (!HasType(filter, event.event_type)) return false;
  if (!IsAnyOf(filter.aggregate_types, event.aggregate_type)) return false;
  if (!IsAnyOf(filter.sources, event.source)) return false;
  if (!IsAnyOf(filter.user_ids, event.user_id)) return false;
  if (!filter.correlation_ids.empty() &&
      (!event.correlation_id ||
       std::ranges::find(filter.correlation_ids, *event.correlation_id) == filter.correlation_ids.end())) {
    return false;
  }
  return HasMembers(filter.metadata, event.metadata);
}

}  // namespace eventstore::domain
