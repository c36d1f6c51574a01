#include "server/storage/operations/history_reader.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/operations/time_windows.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

// What stopped being followed has its history still; the name alone tells then.
constexpr Query kTracked{"history_tracked", R"sql(
SELECT c.table_name, quote_ident(c.table_name), format_type(a.atttypid, a.atttypmod)
FROM time_tables c
JOIN pg_attribute a ON a.attrelid = to_regclass(quote_ident(c.table_name)) AND a.attname = 'entity_id'
WHERE c.table_name = coalesce((SELECT t.history_table FROM tracked_tables t WHERE t.table_name = $1), $1 || '_history')
)sql"};

constexpr char kColumns[] =
    "(extract(epoch FROM time) * 1000000)::bigint, position, operation, entity_id, entity_ref, changed_fields, "
    "old_values, new_values";

absl::Status NotTracked(const std::string& table) {
  domain::Error error;
  error.reason = domain::Reason::kTableNotTracked;
  error.message = fmt::format(
      "there is no history of a table {}: name execution, worker or one that was tracked (`eventctl history track`)",
      table);
  error.metadata = {{"table", table}};
  return domain::ToStatus(error);
}

domain::HistoryEntry EntryFrom(const pqxx::row& row) {
  return {.time = row[0].as<std::int64_t>(),
          .position = row[1].as<std::int64_t>(),
          .operation = row[2].c_str(),
          .entity_id = row[3].c_str(),
          .entity_ref = row[4].c_str(),
          .changed_fields = ParseTextArray(row[5].c_str()),
          .old_values = row[6].c_str(),
          .new_values = row[7].c_str()};
}

// Invalid text for the type of the ids.
bool IsBadText(const absl::Status& status) {
  const std::string state = SqlStateOf(status);
  return state == "22P02" || state == "22003" || state == "22007" || state == "22008";
}

}  // namespace

absl::StatusOr<std::vector<domain::HistoryEntry>> ReadHistory(Session& session, const domain::HistoryQuery& query) {
  auto tracked = session.Run(kTracked, {query.table});
  if (!tracked.ok()) return tracked.status();
  if (tracked->empty()) return NotTracked(query.table);
  const std::string table = (*tracked)[0][0].c_str();
  const std::string quoted = (*tracked)[0][1].c_str();
  const std::string id_is = fmt::format("entity_id = {{}}::{}", (*tracked)[0][2].c_str());
  const bool forward = query.direction == domain::Direction::kForward;

  domain::TimeRange range = query.range;
  if (query.after) {
    if (forward) {
      range.from = std::max(range.from, query.after->time);
    } else {
      range.to = std::min(range.to, query.after->time + 1);
    }
  }
  std::vector<domain::HistoryEntry> entries;
  const auto wanted = static_cast<std::size_t>(query.page_size) + 1;
  absl::Status walked =
      WalkTime(session, table, range, query.direction, [&](const domain::TimeRange& window) -> absl::StatusOr<bool> {
        Where where(0);
        where.And("time >= {}::timestamptz", TimestampText(window.from));
        where.And("time < {}::timestamptz", TimestampText(window.to));
        if (!query.entity_id.empty()) where.And(id_is.c_str(), query.entity_id);
        if (!query.entity_ref.empty()) where.And("entity_ref = {}", query.entity_ref);
        if (!query.field.empty()) where.And("changed_fields @> ARRAY[{}::text]", query.field);
        if (!query.status.empty()) {
          where.And("new_values ->> 'status' = {} AND 'status' = ANY (changed_fields)", query.status);
        }
        if (query.after) {
          where.And(forward ? "(time, position) > ({}::timestamptz, {}::bigint)"
                            : "(time, position) < ({}::timestamptz, {}::bigint)",
                    {TimestampText(query.after->time), query.after->key});
        }
        const char* order = forward ? "ASC" : "DESC";
        auto rows =
            session.RunText(fmt::format("SELECT {0} FROM {1} WHERE {2} ORDER BY time {3}, position {3} LIMIT {4}",
                                        kColumns, quoted, where.text(), order, wanted - entries.size()),
                            where.args());
        if (!rows.ok()) return rows.status();
        for (const auto& row : *rows) entries.push_back(EntryFrom(row));
        return entries.size() >= wanted;
      });
  if (IsBadText(walked)) {
    return domain::InvalidField("entity_id",
                                fmt::format("is no id of {}: they are {}", query.table, (*tracked)[0][2].c_str()));
  }
  if (!walked.ok()) return walked;
  return entries;
}

}  // namespace eventstore::storage
