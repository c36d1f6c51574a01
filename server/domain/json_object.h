// Whether a text is a JSON object that PostgreSQL takes as jsonb, and how long it prints.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/domain/limits.h"

namespace eventstore::domain {

struct JsonFacts {
  // An upper bound of octet_length(text::jsonb::text): numbers written out, a space after every ':' and ','.
  std::size_t normal_bytes = 0;
};

// Error: InvalidArgument whose message completes the sentence "<field> ...", for example
// "is not JSON: Missing a comma or '}' at byte 17". Refused although it is JSON: anything but an object at the top,
// "\u0000", lone surrogates, |exponent| > kMaxJsonExponent, depth > `max_depth`, a member of the top that is named
// `reserved` (empty: none is). Iterative: no input can overflow the stack.
absl::StatusOr<JsonFacts> InspectJsonObject(std::string_view text, int max_depth = kMaxJsonDepth,
                                            std::string_view reserved = {});

}  // namespace eventstore::domain
