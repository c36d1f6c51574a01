// The TOML config file as plain texts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::settings {

struct FileValue {
  std::string text;
  int line = 0;
};

// Key to value. Refused: a file that cannot be read or parsed, a key that is not in `known` (the nearest one is named), a
// value that is not a text, whole number or true/false.
absl::StatusOr<std::map<std::string, FileValue>> ReadConfigFile(const std::string& path,
                                                                const std::vector<std::string>& known);

}  // namespace eventstore::settings
