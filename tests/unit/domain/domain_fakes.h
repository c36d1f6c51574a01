// Shorthands for tests of the domain.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/error.h"
#include "tests/support/fake_clock.h"

namespace eventstore::domain {

// A different UUID for each `n`; none that CountingIds makes.
inline Uuid TestId(std::uint64_t n) { return Uuid::MakeV7(1'700'000'000'000, 0, n); }
inline std::string TestIdText(std::uint64_t n) { return TestId(n).ToString(); }

inline std::string MetadataOf(const Error& error, const std::string& key) {
  for (const auto& [name, value] : error.metadata) {
    if (name == key) return value;
  }
  return "(no such metadata)";
}

inline std::vector<std::string> FieldsOf(const absl::Status& status) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : FromStatus(status).violations) fields.push_back(violation.field);
  return fields;
}

}  // namespace eventstore::domain
