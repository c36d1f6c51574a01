#include "server/domain/audit.h"

#include <charconv>
#include <utility>

#include "fmt/format.h"
#include "server/domain/access/identity.h"
#include "server/domain/limits.h"

namespace eventstore::domain {

absl::StatusOr<AuditQuery> ParseAuditQuery(RawAuditQuery raw) {
  Violations violations;
  AuditQuery query;
  query.since = ParseTime(violations, "since", raw.since);
  CheckText(violations, "identity", "max_identity_name_bytes", raw.identity, 0, access::kMaxIdentityNameBytes);
  CheckText(violations, "action", "max_action_bytes", raw.action, 0, kMaxTaskNameBytes);
  if (raw.page_size < 0 || raw.page_size > kMaxListed) {
    violations.Add("page_size",
                   fmt::format("is {}; send 1 to {}, or 0 for {}", raw.page_size, kMaxListed, kDefaultListed));
  }
  query.page_size = raw.page_size == 0 ? kDefaultListed : raw.page_size;
  const char* const end = raw.page_token.data() + raw.page_token.size();
  if (!raw.page_token.empty()) {
    const auto [stopped, problem] = std::from_chars(raw.page_token.data(), end, query.before);
    if (problem != std::errc{} || stopped != end || query.before < 1) {
      violations.Add("page_token", "is not one that this call has given");
    }
  }
  query.identity = std::move(raw.identity);
  query.action = std::move(raw.action);
  if (!violations.empty()) return violations.ToStatus();
  return query;
}

}  // namespace eventstore::domain
