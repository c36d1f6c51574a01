#include "tools/eventctl/moving/link_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "tools/eventctl/moving/row_mapper.h"

namespace eventstore::eventctl {
namespace {

// Nothing: it is no column of its own.
std::string ColumnOf(const FieldRefs& refs) {
  return !refs.empty() && refs.front().path.empty() ? refs.front().column : "";
}

absl::StatusOr<Mapping> MappingOf(const moving::LegacyLink& link) {
  auto mapping = ParseMapping(link.mapping, "that " + link.QualifiedTable() + " was linked with");
  if (!mapping.ok()) return mapping;
  if (mapping->table.empty()) mapping->table = link.mapped_table;
  return mapping;
}

}  // namespace

std::string TableName(std::string_view table) {
  constexpr std::string_view kUsual = "public.";
  return std::string(table.starts_with(kUsual) ? table.substr(kUsual.size()) : table);
}

absl::StatusOr<moving::LegacyLink> LinkOf(const Mapping& mapping) {
  moving::LegacyLink link;
  for (const auto& [field, refs, column] : {std::tuple{"id", &mapping.id, &link.id_column},
                                            {"timestamp", &mapping.timestamp, &link.time_column},
                                            {"event_type", &mapping.event_type, &link.type_column},
                                            {"data", &mapping.data, &link.data_column}}) {
    *column = refs->size() == 1 ? ColumnOf(*refs) : "";
    if (column->empty()) {
      return absl::InvalidArgumentError(fmt::format(
          "fields.{} of the mapping is not one column; dual write needs one, since it writes to it", field));
    }
  }
  link.user_column = ColumnOf(mapping.user_id);
  link.correlation_column = ColumnOf(mapping.correlation_id);
  link.causation_column = ColumnOf(mapping.causation_id);
  link.aggregate_column = ColumnOf(mapping.aggregate_id);
  link.aggregate_path.clear();
  if (!mapping.aggregate_id.empty() && mapping.aggregate_id.front().column == link.data_column) {
    link.aggregate_path = mapping.aggregate_id.front().path;
  }
  for (const std::string& column : {link.user_column, link.correlation_column, link.causation_column}) {
    if (std::ranges::find(mapping.required, column) == mapping.required.end()) link.may_be_missing.push_back(column);
  }
  return link;
}

moving::MakeRowRule RowRules(const domain::Clock& clock) {
  return [&clock](const moving::LegacyLink& link) -> absl::StatusOr<moving::RowRule> {
    auto mapping = MappingOf(link);
    if (!mapping.ok()) return mapping.status();
    // Rows come as JSON objects of their columns.
    auto mapper = std::make_shared<RowMapper>(*std::move(mapping), SourceColumns{true, {"line"}}, link.aggregate_type,
                                              clock.Now());
    return [mapper](const moving::LegacyRow& row) {
      MappedRow mapped = mapper->Map({row.time, row.id, {row.json}}, {moving::kDualWriteRun, row.batch});
      if (mapped.event) return moving::RowEvent{std::move(mapped.event), ""};
      return moving::RowEvent{std::nullopt, mapped.field + " " + mapped.reason};
    };
  };
}

}  // namespace eventstore::eventctl
