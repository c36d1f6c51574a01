// Which fields of which events are encrypted, and of whom they are. Pure; where the rules come from is in server/erasure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::domain::erasure {

// The members on the way to a value, as RFC 6901 has them, with `*` for every member or entry. Empty: the whole object.
using Path = std::vector<std::string>;

// As the file says it.
struct RawRule {
  std::vector<std::string> event_types{};      // "customer.*" is every type that begins with "customer."; empty: all
  std::vector<std::string> aggregate_types{};  // empty: all
  std::vector<std::string> data{};             // pointers: "/email", "/passengers/*/name"
  std::vector<std::string> metadata{};
  std::string subject{};  // "user_id", or a pointer into data; empty: user_id
};

struct Rule {
  std::vector<std::string> event_types{};
  std::vector<std::string> event_type_prefixes{};
  std::vector<std::string> aggregate_types{};
  std::vector<Path> data{};
  std::vector<Path> metadata{};
  bool subject_is_user = true;
  Path subject{};  // in data, unless subject_is_user

  bool Matches(std::string_view aggregate_type, std::string_view event_type) const;
  bool operator==(const Rule&) const = default;
};

inline constexpr std::size_t kMaxRules = 1'000;
inline constexpr std::size_t kMaxRuleValues = 100;  // of each list of a rule
inline constexpr std::size_t kMaxPathBytes = 1'000;

// "/a/b~1c": ~1 is '/', ~0 is '~'. INVALID_REQUEST that completes "<field> ...".
absl::StatusOr<Path> ParsePath(std::string_view pointer);

// INVALID_REQUEST whose message says which field of the rule is wrong.
absl::StatusOr<Rule> ParseRule(const RawRule& raw);

}  // namespace eventstore::domain::erasure
