#include "server/domain/erasure/rules.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain::erasure {
namespace {

absl::Status Wrong(const std::string& what) { return ErrorOf(Reason::kInvalidRequest, what); }

absl::Status CheckList(const std::string& name, const std::vector<std::string>& values, std::size_t max_bytes) {
  if (values.size() > kMaxRuleValues) {
    return Wrong(fmt::format("{} has {} entries; the limit is {}", name, values.size(), kMaxRuleValues));
  }
  for (const auto& value : values) {
    if (value.empty()) return Wrong(name + " has an empty entry");
    if (value.size() > max_bytes) {
      return Wrong(fmt::format("{} has an entry of {} bytes; the limit is {}", name, value.size(), max_bytes));
    }
    if (!IsValidUtf8(value)) return Wrong(name + " has an entry that is not UTF-8, or holds a NUL byte");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Path>> ParsePaths(const std::string& name, const std::vector<std::string>& pointers) {
  if (absl::Status checked = CheckList(name, pointers, kMaxPathBytes); !checked.ok()) return checked;
  std::vector<Path> paths;
  for (const auto& pointer : pointers) {
    auto path = ParsePath(pointer);
    if (!path.ok()) return Wrong(fmt::format("{} {}", name, std::string(path.status().message())));
    paths.push_back(*std::move(path));
  }
  return paths;
}

}  // namespace

bool Rule::Matches(std::string_view aggregate_type, std::string_view event_type) const {
  if (!aggregate_types.empty() && std::ranges::find(aggregate_types, aggregate_type) == aggregate_types.end()) {
    return false;
  }
  if (event_types.empty() && event_type_prefixes.empty()) return true;
  return std::ranges::find(event_types, event_type) != event_types.end() ||
         std::ranges::any_of(event_type_prefixes, [&](const auto& prefix) { return event_type.starts_with(prefix); });
}

absl::StatusOr<Path> ParsePath(std::string_view pointer) {
  if (!pointer.starts_with('/')) {
    return Wrong(fmt::format("takes pointers that begin with '/', such as \"/email\", and not \"{}\"", pointer));
  }
  Path path;
  for (std::size_t at = 0; at < pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    std::string segment;
    for (std::size_t i = at + 1; i < end; ++i) {
      if (pointer[i] != '~') {
        segment += pointer[i];
        continue;
      }
      const char escaped = i + 1 < end ? pointer[i + 1] : '\0';
      if (escaped != '0' && escaped != '1') {
        return Wrong(
            fmt::format("has a '~' in \"{}\" that is neither ~0, which is '~', nor ~1, which is '/'", pointer));
      }
      segment += escaped == '0' ? '~' : '/';
      ++i;
    }
    path.push_back(std::move(segment));
    at = end;
  }
  return path;
}

absl::StatusOr<Rule> ParseRule(const RawRule& raw) {
  Rule rule;
  if (absl::Status checked = CheckList("event_types", raw.event_types, kMaxEventTypeBytes); !checked.ok())
    return checked;
  for (const auto& type : raw.event_types) {
    const std::size_t star = type.find('*');
    if (star == std::string::npos) {
      rule.event_types.push_back(type);
    } else if (star + 1 == type.size()) {
      rule.event_type_prefixes.push_back(type.substr(0, star));
    } else {
      return Wrong(fmt::format("event_types: '*' stands at the end and nowhere else, not as in \"{}\"", type));
    }
  }
  if (absl::Status checked = CheckList("aggregate_types", raw.aggregate_types, kMaxAggregateTypeBytes); !checked.ok()) {
    return checked;
  }
  rule.aggregate_types = raw.aggregate_types;
  auto data = ParsePaths("data", raw.data);
  if (!data.ok()) return data.status();
  auto metadata = ParsePaths("metadata", raw.metadata);
  if (!metadata.ok()) return metadata.status();
  rule.data = *std::move(data);
  rule.metadata = *std::move(metadata);
  if (rule.data.empty() && rule.metadata.empty()) return Wrong("neither data nor metadata names a field");
  if (raw.subject.empty() || raw.subject == "user_id") return rule;
  auto subject = ParsePath(raw.subject);
  if (!subject.ok()) {
    return Wrong(fmt::format("subject is \"user_id\", or a pointer into data such as \"/customer_id\", and not \"{}\"",
                             raw.subject));
  }
  if (std::ranges::find(*subject, "*") != subject->end()) {
    return Wrong("subject names one value, so there is no '*' in it");
  }
  rule.subject_is_user = false;
  rule.subject = *std::move(subject);
  return rule;
}

}  // namespace eventstore::domain::erasure
