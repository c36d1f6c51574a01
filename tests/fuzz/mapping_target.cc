#include <algorithm>
#include <optional>
#include <vector>

#include "tests/fuzz/targets.h"
#include "tools/eventctl/moving/mapping.h"
#include "tools/eventctl/moving/row_mapper.h"

namespace eventstore::fuzz {
namespace {

using eventctl::FieldRefs;

constexpr domain::TimeMicros kTime = 1'600'000'000'000'000;

bool NameColumns(const eventctl::Mapping& mapping) {
  return std::ranges::all_of(
      std::vector<const FieldRefs*>{&mapping.id, &mapping.timestamp, &mapping.event_type, &mapping.user_id,
                                    &mapping.aggregate_id, &mapping.aggregate_type, &mapping.data, &mapping.metadata,
                                    &mapping.correlation_id, &mapping.causation_id, &mapping.source},
      [](const FieldRefs* refs) {
        return std::ranges::none_of(*refs, [](const eventctl::FieldRef& ref) { return ref.column.empty(); });
      });
}

}  // namespace

std::string CheckMapping(const std::string& input) {
  const auto mapping = eventctl::ParseMapping(input, "fuzzed");
  if (!mapping.ok()) {
    return mapping.status().message().find("fuzzed") == absl::string_view::npos ? "an error names no file" : "";
  }
  if (!NameColumns(*mapping)) return "a field without a column was accepted";
  // Whatever it says, a row gives an event or a reason.
  const eventctl::RowMapper mapper(*mapping, {false, {"id", "timestamp", "type", "data", "user_id"}}, "", kTime);
  const eventctl::SourceRow row{
      .time = kTime,
      .id = "17",
      .values = {"17", "2020-09-13 12:26:40+00", "kind.made", R"({"entityId": "e", "a": {"b": [1]}})", std::nullopt}};
  const eventctl::MappedRow mapped = mapper.Map(row, {"run", 1});
  if (!mapped.event && mapped.reason.empty()) return "a row was refused without a reason";
  return "";
}

}  // namespace eventstore::fuzz
