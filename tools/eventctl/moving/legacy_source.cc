#include "tools/eventctl/moving/legacy_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/domain/validation.h"
#include "server/storage/conninfo.h"
#include "server/storage/sql_text.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/load/line_reader.h"

namespace eventstore::eventctl {
namespace {

// Of pg_type, fixed for ever.
enum Oid : unsigned {
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kFloat4 = 700,
  kFloat8 = 701,
  kDate = 1082,
  kTimestamp = 1114,
  kTimestampTz = 1184,
  kNumeric = 1700,
  kUuid = 2950
};

constexpr int kLinesAtOnce = 1'000;

std::string Quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

std::string QuotedTable(std::string_view table) {
  const std::size_t dot = table.find('.');
  if (dot == std::string_view::npos) return Quoted(table);
  return Quoted(table.substr(0, dot)) + "." + Quoted(table.substr(dot + 1));
}

bool IsNumber(unsigned type) {
  return type == kInt2 || type == kInt4 || type == kInt8 || type == kNumeric || type == kFloat4 || type == kFloat8;
}

// Nothing: no column of that type is a time.
std::optional<std::string> TimeSql(const std::string& column, unsigned type, double unit) {
  const auto finite = [](const std::string& time) {
    return fmt::format("CASE WHEN isfinite({0}) THEN (extract(epoch FROM {0}) * 1000000)::bigint END", time);
  };
  if (type == kTimestampTz) return finite(column);
  if (type == kTimestamp) return finite("(" + column + " AT TIME ZONE 'UTC')");
  if (type == kDate) return finite("(" + column + "::timestamp AT TIME ZONE 'UTC')");
  if (!IsNumber(type)) return std::nullopt;
  return fmt::format("({}::numeric * {})::bigint", column, static_cast<std::int64_t>(unit));
}

// A time as text, or as a number.
std::optional<domain::TimeMicros> TimeOfText(const std::string& text, double unit) {
  if (!text.empty() && text.find_first_not_of("-0123456789.") == std::string::npos &&
      text.find('-', 1) == std::string::npos) {
    try {
      return static_cast<domain::TimeMicros>(std::stod(text) * unit);
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }
  // Nothing that depends on now.
  if (text.empty() || text.front() < '0' || text.front() > '9' || text.find('-') == std::string::npos) {
    return std::nullopt;
  }
  const auto time = ParseTime(text, {});
  return time ? std::optional<domain::TimeMicros>(time->time_since_epoch().count()) : std::nullopt;
}

absl::Status Unfit(const std::string& what) { return absl::InvalidArgumentError(what); }

}  // namespace

LegacySource::LegacySource(const SourceOptions& options, const Mapping& mapping)
    : options_(options), mapping_(mapping), session_(options.conninfo, "migration source") {}

absl::StatusOr<std::unique_ptr<LegacySource>> LegacySource::Open(const SourceOptions& options, const Mapping& mapping) {
  std::unique_ptr<LegacySource> source(new LegacySource(options, mapping));
  if (absl::Status connected = source->session_.EnsureConnected(); !connected.ok()) return connected;
  // The cursor's transaction is open while the store writes.
  auto set = source->session_.RunScript("SET idle_in_transaction_session_timeout = 0");
  if (!set.ok()) return set.status();
  absl::Status opened = options.lines.empty() ? source->FindColumns() : source->StageLines();
  if (!opened.ok()) return opened;
  return source;
}

absl::Status LegacySource::FindColumns() {
  const std::string what = options_.query.empty() ? options_.table : "a query";
  name_ = fmt::format("{} at {}", options_.query.empty() ? options_.table : options_.query,
                      storage::DescribeConninfo(options_.conninfo));
  from_ = options_.query.empty() ? QuotedTable(options_.table) : "(" + options_.query + ")";
  auto none = session_.RunText(fmt::format("SELECT * FROM {} AS legacy LIMIT 0", from_), {});
  if (!none.ok()) return none.status();
  std::vector<unsigned> types;
  for (pqxx::row_size_type i = 0; i < none->columns(); ++i) {
    columns_.names.emplace_back(none->column_name(i));
    types.push_back(static_cast<unsigned>(none->column_type(i)));
  }
  const auto type_of = [&](const std::string& column) -> std::optional<unsigned> {
    const auto at = std::ranges::find(columns_.names, column);
    if (at == columns_.names.end()) return std::nullopt;
    return types[static_cast<std::size_t>(at - columns_.names.begin())];
  };
  for (const std::string& column : mapping_.required) {
    if (!type_of(column)) return Unfit(fmt::format("{} has no column {}, which the mapping names", what, column));
  }
  const FieldRef& time = mapping_.timestamp.front();
  const auto time_type = type_of(time.column);
  const auto time_sql =
      time_type && time.path.empty() ? TimeSql(Quoted(time.column), *time_type, mapping_.timestamp_unit) : std::nullopt;
  if (!time_sql) {
    return Unfit(
        fmt::format("{} has no column {} of a time or a number; name another in fields.timestamp of a mapping "
                    "file, or cast it in a --query",
                    what, time.column));
  }
  time_sql_ = *time_sql;
  const FieldRef& id = mapping_.id.front();
  const auto id_type = type_of(id.column);
  if (!id_type || !id.path.empty()) {
    return Unfit(fmt::format("{} has no column {}; name another in fields.id of a mapping file", what, id.column));
  }
  const bool native = *id_type == kUuid || IsNumber(*id_type);
  id_sql_ = native ? Quoted(id.column) : Quoted(id.column) + R"(::text COLLATE "C")";
  id_type_ = *id_type == kUuid ? "uuid" : native ? "numeric" : R"(text COLLATE "C")";
  return absl::OkStatus();
}

absl::Status LegacySource::StageLines() {
  name_ = fmt::format("lines of {}", options_.lines == "-" ? "standard input" : options_.lines);
  columns_.lines = true;
  columns_.names = {"line"};
  auto made = session_.RunScript("CREATE TEMPORARY TABLE legacy_lines (time_us bigint, id text, line text)");
  if (!made.ok()) return made.status();
  auto reader = LineReader::Open(options_.lines);
  if (!reader.ok()) return reader.status();
  storage::ArrayText times;
  storage::ArrayText ids;
  storage::ArrayText lines;
  int held = 0;
  const auto flush = [&]() -> absl::Status {
    held = 0;
    return session_
        .RunText("INSERT INTO legacy_lines SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])",
                 {times.Take(), ids.Take(), lines.Take()})
        .status();
  };
  for (;;) {
    std::string line;
    auto got = reader->Next(&line, 1'000);
    if (!got.ok()) return got.status();
    if (*got == LineReader::Got::kEnd) break;
    if (*got == LineReader::Got::kIdle || line.empty()) continue;
    if (!domain::IsValidUtf8(line)) line = fmt::format("line {} is not UTF-8", reader->place().lines);
    SourceRow row;
    row.values.emplace_back(line);
    const auto time = FindField(columns_, row, mapping_.timestamp.front());
    const auto micros = time ? TimeOfText(*time, mapping_.timestamp_unit) : std::nullopt;
    const auto id = FindField(columns_, row, mapping_.id.front());
    if (micros) {
      times.AddPlain(*micros);
    } else {
      times.AddNull();
    }
    if (id) {
      ids.Add(*id);
    } else {
      ids.AddNull();
    }
    lines.Add(line);
    if (++held < kLinesAtOnce) continue;
    if (absl::Status flushed = flush(); !flushed.ok()) return flushed;
  }
  if (absl::Status flushed = flush(); !flushed.ok()) return flushed;
  from_ = "legacy_lines";
  time_sql_ = "time_us";
  id_sql_ = R"(id COLLATE "C")";
  id_type_ = R"(text COLLATE "C")";
  return absl::OkStatus();
}

std::string LegacySource::Rows(const std::string& select, const std::string& where) const {
  std::string sql = fmt::format(
      "SELECT {} FROM (SELECT *, {} AS eventctl_time, {} AS eventctl_id FROM {} AS legacy) AS placed WHERE {}", select,
      time_sql_, id_sql_, from_, where);
  if (options_.since) sql += fmt::format(" AND eventctl_time >= {}", *options_.since);
  if (options_.until) sql += fmt::format(" AND eventctl_time < {}", *options_.until);
  return sql;
}

absl::StatusOr<SourceFacts> LegacySource::Facts() {
  auto rows = session_.RunText(Rows("count(*), min(eventctl_time), max(eventctl_time), "
                                    "count(DISTINCT floor(eventctl_time / 86400000000.0))",
                                    "true"),
                               {});
  if (!rows.ok()) return rows.status();
  const auto row = (*rows)[0];
  SourceFacts facts;
  facts.rows = row[0].as<std::int64_t>();
  if (!row[1].is_null()) facts.first = row[1].as<domain::TimeMicros>();
  if (!row[2].is_null()) facts.last = row[2].as<domain::TimeMicros>();
  facts.days = row[3].as<std::int64_t>();
  return facts;
}

absl::StatusOr<std::unordered_map<std::string, domain::TimeMicros>> LegacySource::TwiceUsedIds() {
  auto rows = session_.RunText(
      Rows("eventctl_id::text, min(eventctl_time)", "eventctl_id IS NOT NULL AND eventctl_time IS NOT NULL") +
          " GROUP BY eventctl_id HAVING count(*) > 1",
      {});
  if (!rows.ok()) return rows.status();
  std::unordered_map<std::string, domain::TimeMicros> twice;
  for (const auto& row : *rows) twice[row[0].c_str()] = row[1].as<domain::TimeMicros>();
  return twice;
}

absl::Status LegacySource::Seek(const std::optional<storage::ImportPlace>& place, bool with_unplaced) {
  if (reading_) {
    if (auto ended = session_.RunScript("ROLLBACK"); !ended.ok()) return ended.status();
  }
  reading_ = true;
  std::string select = "eventctl_time, eventctl_id::text";
  for (const std::string& column : columns_.names) select += ", " + Quoted(column) + "::text";
  const std::string unplaced = "(eventctl_time IS NULL OR eventctl_id IS NULL)";
  storage::pq::Args args;
  std::string where = with_unplaced ? "true" : "NOT " + unplaced;
  if (place) {
    where = fmt::format("((eventctl_time, eventctl_id) > ($1::bigint, $2::{}){})", id_type_,
                        with_unplaced ? " OR " + unplaced : "");
    args = {fmt::format("{}", place->time), place->id};
  }
  if (auto begun = session_.RunScript("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); !begun.ok()) {
    return begun.status();
  }
  return session_
      .RunText(
          "DECLARE eventctl_rows NO SCROLL CURSOR FOR " + Rows(select, where) + " ORDER BY eventctl_time, eventctl_id",
          args)
      .status();
}

absl::StatusOr<std::vector<SourceRow>> LegacySource::Next(int most) {
  auto fetched = session_.RunText(fmt::format("FETCH FORWARD {} FROM eventctl_rows", most), {});
  if (!fetched.ok()) return fetched.status();
  std::vector<SourceRow> rows;
  rows.reserve(static_cast<std::size_t>(fetched->size()));
  for (const auto& row : *fetched) {
    SourceRow& next = rows.emplace_back();
    if (!row[0].is_null()) next.time = row[0].as<domain::TimeMicros>();
    if (!row[1].is_null()) next.id = std::string(row[1].c_str(), row[1].size());
    for (pqxx::row_size_type i = 2; i < row.size(); ++i) {
      if (row[i].is_null()) {
        next.values.emplace_back();
      } else {
        next.values.emplace_back(std::string(row[i].c_str(), row[i].size()));
      }
    }
  }
  return rows;
}

}  // namespace eventstore::eventctl
