#include "server/toml/toml_text.h"

namespace eventstore {

std::optional<TomlFault> ParseToml(std::string_view text, toml::table& table) {
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return TomlFault{static_cast<int>(error.source().begin.line), std::string(error.description())};
  }
  return std::nullopt;
}

}  // namespace eventstore
