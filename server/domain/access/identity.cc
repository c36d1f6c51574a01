#include "server/domain/access/identity.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain::access {
namespace {

constexpr std::array<const char*, kRoles> kNames = {"reader", "writer", "operator", "admin"};

// It goes into logs, so it is one line and printable.
void CheckName(Violations& violations, const std::string& name) {
  CheckText(violations, "name", "max_identity_name_bytes", name, 1, kMaxIdentityNameBytes);
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(name, control)) violations.Add("name", "holds a control character");
}

std::vector<std::string> TakeList(Violations& violations, const std::string& field, std::size_t max_bytes,
                                  const std::optional<std::vector<std::string>>& list) {
  if (!list) return {};
  if (list->empty()) violations.Add(field, "is an empty list; leave it out for no limit");
  if (list->size() > kMaxLimitValues) violations.AddLimit(field, "max_limit_values", list->size(), kMaxLimitValues);
  for (std::size_t i = 0; i < list->size() && i < kMaxLimitValues; ++i) {
    CheckText(violations, fmt::format("{}[{}]", field, i), fmt::format("max_{}_bytes", field), (*list)[i], 1,
              max_bytes);
  }
  return *list;
}

}  // namespace

std::string NameOf(Role role) { return kNames.at(static_cast<std::size_t>(role)); }

std::string Roles::Joined(const std::string& between) const {
  std::string text;
  for (std::size_t i = 0; i < kRoles; ++i) {
    if ((bits_ & (1U << i)) == 0) continue;
    if (!text.empty()) text += between;
    text += kNames.at(i);
  }
  return text;
}

absl::StatusOr<Identity> ParseIdentity(const RawIdentity& raw) {
  Violations violations;
  Identity identity;
  CheckName(violations, raw.name);
  identity.name = raw.name;
  if (raw.roles.empty()) violations.Add("roles", "is missing: give one or more of reader, writer, operator, admin");
  for (std::size_t i = 0; i < raw.roles.size(); ++i) {
    const auto known = std::ranges::find(kNames, raw.roles[i]);
    if (known == kNames.end()) {
      violations.Add(fmt::format("roles[{}]", i), "is none of reader, writer, operator, admin");
    } else {
      identity.roles.Add(static_cast<Role>(known - kNames.begin()));
    }
  }
  identity.limits.aggregate_types =
      TakeList(violations, "aggregate_types", kMaxAggregateTypeBytes, raw.aggregate_types);
  identity.limits.user_ids = TakeList(violations, "user_ids", kMaxUserIdBytes, raw.user_ids);
  for (auto& type : TakeList(violations, "event_types", kMaxEventTypeBytes, raw.event_types)) {
    const auto star = type.find('*');
    if (star == std::string::npos) {
      identity.limits.event_types.push_back(std::move(type));
    } else if (star + 1 != type.size()) {
      violations.Add("event_types", "has a * that is not at the end");
    } else if (star == 0) {
      violations.Add("event_types", "has a * alone, which is every type; leave the list out for no limit");
    } else {
      identity.limits.event_type_prefixes.push_back(type.substr(0, star));
    }
  }
  if (identity.roles.Has(Role::kAdmin) && !identity.limits.none()) {
    violations.Add("roles", "has admin beside limits: an admin is not limited; give other roles, or no limits");
  }
  if (!violations.empty()) return violations.ToStatus();
  return identity;
}

}  // namespace eventstore::domain::access
