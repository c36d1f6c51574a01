#include "server/settings/config_file.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "server/settings/table.h"
#include "server/toml/toml_text.h"

namespace eventstore::settings {

absl::StatusOr<std::map<std::string, FileValue>> ReadConfigFile(const std::string& path,
                                                                const std::vector<std::string>& known) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (!in || !(content << in.rdbuf())) {
    return absl::InvalidArgumentError(
        fmt::format("the config file {} cannot be read: check --config, or leave it out", path));
  }
  toml::table table;
  if (const auto fault = ParseToml(content.str(), table)) {
    return absl::InvalidArgumentError(fmt::format("{}, line {}: {}", path, fault->line, fault->what));
  }
  std::map<std::string, FileValue> values;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const int line = static_cast<int>(node.source().begin.line);
    if (std::ranges::find(known, name) == known.end()) {
      const auto nearest = Nearest(name, known);
      return absl::InvalidArgumentError(
          fmt::format("{}, line {}: there is no setting '{}'{}", path, line, name,
                      nearest.empty() ? "; see eventstored --help" : fmt::format("; did you mean '{}'?", nearest)));
    }
    if (const auto text = node.value_exact<std::string>()) {
      values[name] = {*text, line};
    } else if (const auto number = node.value_exact<std::int64_t>()) {
      values[name] = {std::to_string(*number), line};
    } else if (const auto flag = node.value_exact<bool>()) {
      values[name] = {*flag ? "true" : "false", line};
    } else {
      return absl::InvalidArgumentError(
          fmt::format("{}, line {}: '{}' takes a text, a whole number or true/false", path, line, name));
    }
  }
  return values;
}

}  // namespace eventstore::settings
