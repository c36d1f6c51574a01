// What is kept of an operator's or admin's action, and what can be asked of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/domain/query_validation.h"
#include "server/domain/time.h"
#include "server/domain/uuid.h"

namespace eventstore::domain {

struct AuditRecord {
  std::int64_t id = 0;  // of a record that is kept
  TimeMicros at = 0;    // likewise
  Uuid call;            // of all records of one call
  std::string identity;
  std::string credential;  // none, key, token or certificate
  std::string peer;
  std::string action;
  std::string target;
  std::string outcome;
  std::string detail = "{}";  // a JSON object
};

inline constexpr char kAuditBegun[] = "begun";
inline constexpr char kAuditDone[] = "done";

struct AuditQuery {
  std::optional<TimeMicros> since;
  std::string identity;  // empty: any, as below
  std::string action;
  int page_size = 0;
  std::int64_t before = 0;  // only records with a smaller id; 0: from the newest on
};

struct RawAuditQuery {
  std::optional<RawTime> since;
  std::string identity;
  std::string action;
  std::int32_t page_size = 0;
  std::string page_token;
};

absl::StatusOr<AuditQuery> ParseAuditQuery(RawAuditQuery raw);

}  // namespace eventstore::domain
