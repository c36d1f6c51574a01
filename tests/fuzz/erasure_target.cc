#include <string_view>
#include <vector>

#include "server/domain/erasure/envelope.h"
#include "server/domain/erasure/json_places.h"
#include "server/erasure/rule_file.h"
#include "tests/fuzz/targets.h"

namespace eventstore::fuzz {
namespace {

namespace forget = domain::erasure;

std::string CheckPlaces(const std::string& input) {
  const forget::Path all{"*"};
  const forget::Path deep{"*", "*"};
  std::vector<forget::Replacement> same;
  std::size_t end = 0;
  for (const forget::Place& place : forget::FindValues(input, {&deep, &all})) {
    if (place.begin < end || place.end <= place.begin || place.end > input.size())
      return "a value is not where it is said";
    end = place.end;
    same.push_back({place.begin, place.end, input.substr(place.begin, place.end - place.begin)});
  }
  if (forget::Replaced(input, same) != input) return "values that replace themselves change the text";
  end = 0;
  for (const forget::Wrapped& one : forget::FindWrapped(input, forget::kEncryptedKey)) {
    if (one.place.begin < end || one.place.end > input.size() || input[one.place.begin] != '{' ||
        input[one.place.end - 1] != '}') {
      return "an encrypted value is no object";
    }
    end = one.place.end;
    const auto envelope = forget::ParseEnvelope(one.value);
    if (envelope && forget::FindWrapped(forget::ToJson(*envelope), forget::kEncryptedKey).at(0).value != one.value) {
      return "an envelope has two forms";
    }
  }
  return "";
}

}  // namespace

std::string CheckErasure(const std::string& input) {
  const auto rules = erasure::ParseRuleFile(input);
  if (!rules.ok() && rules.status().message().empty()) return "an error says nothing";
  if (rules.ok()) {
    if (rules->empty()) return "a file without rules was accepted";
    for (const auto& rule : *rules) {
      if (rule.data.empty() && rule.metadata.empty()) return "a rule without fields was accepted";
    }
  }
  return CheckPlaces(input);
}

}  // namespace eventstore::fuzz
