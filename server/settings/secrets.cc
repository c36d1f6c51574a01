#include <regex>

#include "server/settings/settings.h"

namespace eventstore::settings {

std::string MaskSecrets(const std::string& conninfo) {
  // The user part ends at the last @ before the path: a password may hold one that was not encoded.
  static const std::regex in_user_part("^([a-z0-9+]+://[^:/?#]*):[^/?#]*@", std::regex::icase);
  static const std::regex in_query("([?&][a-z]*password=)[^&#]*", std::regex::icase);
  static const std::regex in_words(R"((\b[a-z]*password\s*=\s*)('([^'\\]|\\.)*'|\S+))", std::regex::icase);
  std::string masked = std::regex_replace(conninfo, in_user_part, "$1:***@");
  if (masked.find("://") != std::string::npos) return std::regex_replace(masked, in_query, "$1***");
  return std::regex_replace(masked, in_words, "$1***");
}

}  // namespace eventstore::settings
