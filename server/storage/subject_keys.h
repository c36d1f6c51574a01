// The tables of erasure (migrations 0045 to 0047): keys of subjects, as wrapped as they come, and what was erased.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/erasure/erasure.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct StoredKey {
  std::string subject;
  std::optional<domain::Uuid> key_id;
  std::string wrapped;  // hexadecimal digits; empty: destroyed
};

// The fingerprint of the master key that the store was given first; nothing: none was.
absl::StatusOr<std::optional<std::string>> ReadMasterKey(Session& session);
// The same, after `fingerprint` was recorded unless there was one.
absl::StatusOr<std::string> RecordMasterKey(Session& session, const std::string& fingerprint);

absl::StatusOr<std::vector<StoredKey>> FindKeys(Session& session, const std::vector<std::string>& subjects);
absl::StatusOr<std::vector<StoredKey>> FindKeysById(Session& session, const std::vector<domain::Uuid>& ids);
// Those whose subject has a row already, with a key or erased, are passed over.
absl::Status AddKeys(Session& session, const std::vector<StoredKey>& keys);

struct ErasuresSince {
  std::int64_t last = 0;  // smaller than what was asked for: the store was restored to an earlier state
  std::vector<domain::Uuid> key_ids;
};
absl::StatusOr<ErasuresSince> ReadErasuresSince(Session& session, std::int64_t number);

// Destroys the key, as of its commit, and records that; of a subject that was erased before nothing is changed.
absl::StatusOr<domain::erasure::EraseOutcome> EraseSubject(Session& session,
                                                           const domain::erasure::EraseRequest& request);

struct ErasureList {
  std::vector<domain::erasure::Erasure> erasures;
  bool more = false;
  std::int64_t living_keys = 0;
};
absl::StatusOr<ErasureList> ListErasures(Session& session, std::int64_t after_number, int page_size);

}  // namespace eventstore::storage
