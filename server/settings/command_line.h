// The command line alone: which flags were given with what, without any judgement of the values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/settings/table.h"

namespace eventstore::settings {

struct Flags {
  std::map<std::string, std::string> values;  // by setting name; switches as "true"
  bool print_config = false;
  std::string text;  // the help or the version, when asked for
};

absl::StatusOr<Flags> ReadFlags(const std::vector<std::string>& args, const std::vector<Setting>& table);

}  // namespace eventstore::settings
