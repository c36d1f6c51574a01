#include "server/storage/conninfo.h"

#include <libpq-fe.h>

#include <map>
#include <memory>

#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::storage {
namespace {

using Options = std::map<std::string, std::string>;

absl::StatusOr<Options> Parse(const std::string& conninfo) {
  char* message = nullptr;
  std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(PQconninfoParse(conninfo.c_str(), &message),
                                                                      &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> owned(message, &PQfreemem);
  if (!parsed) {
    return domain::ErrorOf(domain::Reason::kInvalidRequest,
                           "the database address is not a libpq connection string or postgresql:// URL; check "
                           "DATABASE_URL (it is not shown here because it may hold a password)");
  }
  Options options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0') options[option->keyword] = option->val;
  }
  return options;
}

std::string Quoted(const std::string& value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace

absl::StatusOr<std::string> CompleteConninfo(const std::string& conninfo, const std::string& application_name) {
  auto options = Parse(conninfo);
  if (!options.ok()) return options.status();
  options->emplace("application_name", application_name);
  options->emplace("connect_timeout", "5");
  options->emplace("keepalives_idle", "10");
  options->emplace("keepalives_interval", "5");
  options->emplace("keepalives_count", "3");
  options->emplace("tcp_user_timeout", "15000");
  options->emplace("client_encoding", "UTF8");
  std::string text;
  for (const auto& [key, value] : *options) text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, Quoted(value));
  return text;
}

std::string DescribeConninfo(const std::string& conninfo) {
  const auto options = Parse(conninfo);
  if (!options.ok()) return "(unreadable connection string)";
  std::string text;
  for (const char* key : {"host", "port", "dbname", "user"}) {
    const auto found = options->find(key);
    if (found != options->end()) text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, found->second);
  }
  return text.empty() ? "libpq defaults" : text;
}

}  // namespace eventstore::storage
