// What is kept of the calls that operators and admins make (rpc_access.h says which), in the table audit_log. A call is
// noted before it is carried out, and refused where that cannot be done; what came of it is noted after. A call that its
// identity may not make is noted too, so many a second; one that proved no identity only goes to the log, since anybody
// could fill the table with those.
#pragma once

#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "server/domain/audit.h"
#include "server/domain/clock.h"
#include "server/domain/token_bucket.h"
#include "server/service/admission.h"
#include "server/storage/read_executor.h"

namespace eventstore::service {

// Thread-safe. Outlives every call.
class AuditTrail {
 public:
  AuditTrail(domain::IdMaker& ids, const domain::Clock& clock);

  // Of a call and its request; none: no such call.
  std::optional<domain::AuditRecord> Of(const Admission& admission, const google::protobuf::Message& request) const;

  // Notes on `pool` that the call was refused with `status`, if it is such a call and was refused for who made it.
  void Refused(storage::ReadExecutor& pool, const Admission& admission, const absl::Status& status);

  // Not ok: the call is to be refused with this.
  static absl::Status Begin(storage::Session& session, const std::optional<domain::AuditRecord>& record);
  // What came of it: nothing but a warning in the log where it cannot be noted.
  static void End(storage::Session& session, std::optional<domain::AuditRecord> record, const absl::Status& status);
  // The same with an outcome of its own, by `pool`.
  void EndLater(storage::ReadExecutor& pool, std::optional<domain::AuditRecord> record, std::string outcome) const;

 private:
  void Write(storage::ReadExecutor& pool, domain::AuditRecord record) const;

  domain::IdMaker& ids_;
  const domain::Clock& clock_;
  std::mutex mutex_;
  domain::TokenBucket refusals_;
};

}  // namespace eventstore::service
