#include "server/domain/access/recorded_by.h"

#include <string>

#include "fmt/format.h"

namespace eventstore::domain::access {
namespace {

// Names hold no control characters (identity.h) and are UTF-8, so this is all that JSON wants escaped.
std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

void StampRecordedBy(const Identity& identity, AppendBatch& batch) {
  const std::string member = fmt::format("\"{}\": {}", kRecordedBy, Quoted(identity.name));
  for (auto& append : batch.appends) {
    for (auto& event : append.events) {
      // It is a JSON object (event_validation), so there is a brace, and only white space before it.
      const auto brace = event.metadata.find('{');
      const auto next = event.metadata.find_first_not_of(" \t\r\n", brace + 1);
      event.metadata.insert(brace + 1, event.metadata[next] == '}' ? member : member + ", ");
    }
  }
}

}  // namespace eventstore::domain::access
