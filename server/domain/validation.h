// Whether a request is one the store can take. Everything PostgreSQL would refuse is found here, before any SQL, so
// that a bad request fails alone and never inside another's transaction (invariant 7).
//
// Field paths in violations use the names of the proto messages. All violations of a request are reported, at most 20.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/error.h"

namespace eventstore::domain {

// Collects violations. The reason is LIMIT_EXCEEDED when all of them are limits, else INVALID_REQUEST.
class Violations {
 public:
  void Add(const std::string& field, const std::string& description);
  // "is 5242880 bytes; the limit is 1048576": the first one also puts `field`, `limit`, `size` and `max` into the
  // metadata of the error. A limit is named after what it counts: "max_…_bytes", "max_events", "max_days"; any other
  // counts entries of a list.
  void AddLimit(const std::string& field, const std::string& limit, std::size_t size, std::size_t max);
  // One that the operator may change: its setting is named too, in the text and as `setting` in the metadata.
  void AddLimit(const std::string& field, const std::string& limit, std::size_t size, std::size_t max,
                const std::string& setting);

  bool empty() const { return error_.violations.empty(); }
  // Ok when there are none.
  absl::Status ToStatus() const;

 private:
  static constexpr std::size_t kMaxReported = 20;
  Error error_;
  std::size_t total_ = 0;
  bool limit_only_ = true;
};

// Text for a `text` column: valid UTF-8, no NUL byte, at least `min` and at most `max` bytes.
void CheckText(Violations& violations, const std::string& field, const std::string& limit_name, std::string_view text,
               std::size_t min, std::size_t max);

// UTF-8 as PostgreSQL takes it: no surrogates, nothing overlong, at most U+10FFFF, no NUL byte.
bool IsValidUtf8(std::string_view text);

// The violation of a text that Uuid::Parse refused.
void AddBadUuid(Violations& violations, const std::string& field, std::string_view text);

}  // namespace eventstore::domain
