// A subject that was erased, and what asks for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/domain/limits.h"
#include "server/domain/time.h"
#include "server/domain/uuid.h"

namespace eventstore::domain::erasure {

inline constexpr std::size_t kMaxSubjectBytes = kMaxUserIdBytes;
inline constexpr std::size_t kMaxReasonBytes = 1'000;

struct Erasure {
  std::int64_t number = 0;
  std::string subject;
  std::optional<Uuid> key_id;
  TimeMicros erased_at = 0;
  std::string erased_by;
  std::string reason;
};

struct EraseRequest {
  std::string subject;
  std::string erased_by;
  std::string reason;
  bool dry_run = false;
  bool no_wait = false;
};

struct EraseOutcome {
  std::optional<Erasure> erasure;  // none: a dry run of what was not erased before
  bool was_erased = false;
  std::optional<TimeMicros> key_created_at;  // none: there was no key
};

}  // namespace eventstore::domain::erasure
