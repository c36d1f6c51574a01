#include "server/moving/legacy_link.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/moving/cutover_log.h"
#include "server/moving/move_refused.h"
#include "server/storage/sql_text.h"

namespace eventstore::moving {
namespace {

using storage::ParseTextArray;
using storage::Query;
using storage::Session;
using storage::TextArray;

using domain::ErrorOf;
using domain::Reason;

constexpr std::pair<LegacyDirection, const char*> kDirections[] = {
    {LegacyDirection::kLegacyToStore, "legacy-to-store"},
    {LegacyDirection::kStoreToLegacy, "store-to-legacy"},
    {LegacyDirection::kBoth, "both"},
};

const Query kRead{"legacy_read_link", R"sql(
SELECT legacy_schema, legacy_table, original_table, id_column, time_column, type_column, data_column,
       coalesce(user_column, ''), coalesce(correlation_column, ''), coalesce(causation_column, ''),
       coalesce(aggregate_column, ''), aggregate_path, mapping, mapped_table, aggregate_type, direction, is_strict,
       enabled_event_types IS NULL, coalesce(enabled_event_types, '{}'), disabled_event_types,
       old_writers = 'forward', stage, to_char(installed_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM legacy_link
)sql"};

// $1: the table, quoted. Its columns that take part, and those that would not let a row in without them.
const Query kColumns{"legacy_columns_of", R"sql(
SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
       c.relkind IN ('r', 'p')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = to_regclass(format('%I.%I', $1::text, $2::text))
)sql"};

const Query kInsert{"legacy_insert_link", R"sql(
INSERT INTO legacy_link (legacy_schema, legacy_table, original_table, id_column, time_column, type_column, data_column,
                         user_column, correlation_column, causation_column, aggregate_column, aggregate_path, mapping,
                         mapped_table, aggregate_type, direction, linked_direction, is_strict, enabled_event_types)
VALUES ($1, $2, $2, $3, $4, $5, $6, nullif($7, ''), nullif($8, ''), nullif($9, ''), nullif($10, ''), $11::text[], $12, $13,
        $14, $15, $15, $16::boolean, $17::text[])
)sql"};

const Query kInstallNotes{"legacy_install_notes",
                          "SELECT legacy_install_notes(to_regclass(format('%I.%I', legacy_schema, legacy_table))) "
                          "FROM legacy_link"};
const Query kRemoveNotes{
    "legacy_remove_notes",
    "SELECT legacy_remove_notes(to_regclass(format('%I.%I', legacy_schema, legacy_table))) "
    "FROM legacy_link WHERE to_regclass(format('%I.%I', legacy_schema, legacy_table)) IS NOT NULL"};
const Query kInstallMirror{"legacy_install_mirror", "SELECT legacy_install_mirror()"};
const Query kRemoveMirror{"legacy_remove_mirror", "SELECT legacy_remove_mirror()"};

// TRUNCATE would not be seen by the older snapshot of a reader of status as what it is; these tables are small.
constexpr char kForget[] =
    "DELETE FROM legacy_outbox; DELETE FROM legacy_failed; DELETE FROM legacy_changes; "
    "DELETE FROM legacy_link";

// Either list may have to change: a type is on when the one names it, or is not there, and the other does not.
const Query kEnable{"legacy_enable_type", R"sql(
UPDATE legacy_link
SET disabled_event_types = array_remove(disabled_event_types, $1),
    enabled_event_types = CASE WHEN enabled_event_types IS NULL OR $1 = ANY (enabled_event_types)
                               THEN enabled_event_types ELSE enabled_event_types || $1::text END
RETURNING 1
)sql"};
const Query kDisable{"legacy_disable_type", R"sql(
UPDATE legacy_link
SET enabled_event_types = array_remove(enabled_event_types, $1),
    disabled_event_types = CASE WHEN enabled_event_types IS NOT NULL OR $1 = ANY (disabled_event_types)
                                THEN disabled_event_types ELSE disabled_event_types || $1::text END
RETURNING 1
)sql"};

absl::Status Refuse(const std::string& what) { return ErrorOf(Reason::kInvalidRequest, what); }

struct Column {
  std::string name;
  std::string type;
  bool must_be_given = false;
};

absl::Status CheckColumn(const std::vector<Column>& columns, const LegacyLink& link, const std::string& name,
                         const std::vector<std::string>& types) {
  if (name.empty()) return absl::OkStatus();
  const auto column = std::ranges::find(columns, name, &Column::name);
  if (column == columns.end()) {
    return Refuse(fmt::format(
        "table {} has no column {}; name the columns in a mapping file, `eventctl dual-write install --mapping FILE`",
        link.QualifiedTable(), name));
  }
  if (types.empty() || std::ranges::find(types, column->type) != types.end()) return absl::OkStatus();
  return Refuse(fmt::format("column {} of {} is of type {}; dual write needs {}", name, link.QualifiedTable(),
                            column->type, types.front()));
}

// Leaves out of `link` what the table may be without, and is.
absl::Status CheckTable(Session& session, LegacyLink& link) {
  auto rows = session.Run(kColumns, {link.schema, link.table});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) {
    return Refuse(
        fmt::format("there is no table {} in the store's database. Dual write needs the legacy table in the same "
                    "database, because a "
                    "write to both must be one transaction; from another database `eventctl migrate-events` copies, "
                    "again and again",
                    link.QualifiedTable()));
  }
  // The cut-over renames it, and a name has at most 63 bytes.
  if (link.table.size() + std::string_view("_legacy").size() > 63) {
    return Refuse(
        fmt::format("the name of {} is too long to be renamed to {}_legacy", link.QualifiedTable(), link.table));
  }
  std::vector<Column> columns;
  for (const auto& row : *rows) columns.push_back({row[0].c_str(), row[1].c_str(), row[2].as<bool>()});
  for (std::string* name : {&link.user_column, &link.correlation_column, &link.causation_column}) {
    const bool may_be_missing = std::ranges::find(link.may_be_missing, *name) != link.may_be_missing.end();
    if (may_be_missing && std::ranges::find(columns, *name, &Column::name) == columns.end()) name->clear();
  }
  if (!(*rows)[0][3].as<bool>()) return Refuse(fmt::format("{} is no table", link.QualifiedTable()));
  const std::vector<std::pair<std::string, std::vector<std::string>>> needed = {
      {link.id_column, {"uuid"}},  {link.time_column, {"timestamp with time zone", "timestamp without time zone"}},
      {link.type_column, {}},      {link.data_column, {"jsonb", "json"}},
      {link.user_column, {}},      {link.correlation_column, {}},
      {link.causation_column, {}}, {link.aggregate_column, {}}};
  for (const auto& [name, types] : needed) {
    if (absl::Status checked = CheckColumn(columns, link, name, types); !checked.ok()) return checked;
  }
  for (const Column& column : columns) {
    const bool mapped =
        std::ranges::find(needed, column.name, [](const auto& one) { return one.first; }) != needed.end();
    if (column.must_be_given && !mapped && link.direction != LegacyDirection::kLegacyToStore) {
      return Refuse(
          fmt::format("column {} of {} must not be NULL, has no default, and no event has it: give it a default, so "
                      "that the store can write rows",
                      column.name, link.QualifiedTable()));
    }
  }
  return absl::OkStatus();
}

std::optional<std::string> OptionalArray(const std::optional<std::vector<std::string>>& values) {
  if (!values) return std::nullopt;
  return TextArray(*values);
}

std::string InDatabase(LegacyDirection direction) {
  std::string name = DirectionName(direction);
  std::ranges::replace(name, '-', '_');
  return name;
}

absl::Status Insert(Session& session, const LegacyLink& link) {
  return session
      .Run(kInsert,
           {link.schema, link.table, link.id_column, link.time_column, link.type_column, link.data_column,
            link.user_column, link.correlation_column, link.causation_column, link.aggregate_column,
            TextArray(link.aggregate_path), link.mapping, link.mapped_table, link.aggregate_type,
            InDatabase(link.direction), link.strict ? "true" : "false", OptionalArray(link.enabled_event_types)})
      .status();
}

}  // namespace

std::string DirectionName(LegacyDirection direction) {
  return std::ranges::find(kDirections, direction, [](const auto& one) { return one.first; })->second;
}

std::optional<LegacyDirection> DirectionOf(const std::string& name) {
  for (const auto& [direction, text] : kDirections) {
    if (name == text) return direction;
  }
  return std::nullopt;
}

// As format('%I.%I') has it, for messages; SQL is given the quoting of PostgreSQL.
std::string LegacyLink::QualifiedTable() const { return fmt::format("{}.{}", schema, table); }

absl::StatusOr<std::optional<LegacyLink>> ReadLink(Session& session) {
  auto rows = session.Run(kRead, {});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return std::optional<LegacyLink>();
  const auto row = (*rows)[0];
  LegacyLink link;
  link.schema = row[0].c_str();
  link.table = row[1].c_str();
  link.original_table = row[2].c_str();
  link.id_column = row[3].c_str();
  link.time_column = row[4].c_str();
  link.type_column = row[5].c_str();
  link.data_column = row[6].c_str();
  link.user_column = row[7].c_str();
  link.correlation_column = row[8].c_str();
  link.causation_column = row[9].c_str();
  link.aggregate_column = row[10].c_str();
  link.aggregate_path = ParseTextArray(row[11].c_str());
  link.mapping = row[12].c_str();
  link.mapped_table = row[13].c_str();
  link.aggregate_type = row[14].c_str();
  std::string direction = row[15].c_str();
  std::ranges::replace(direction, '_', '-');
  link.direction = DirectionOf(direction).value_or(LegacyDirection::kLegacyToStore);
  link.strict = row[16].as<bool>();
  if (!row[17].as<bool>()) link.enabled_event_types = ParseTextArray(row[18].c_str());
  link.disabled_event_types = ParseTextArray(row[19].c_str());
  link.old_writers_forwarded = row[20].as<bool>();
  link.stage = domain::StageOf(row[21].c_str()).value_or(domain::MoveStage::kLinked);
  link.installed_at = row[22].c_str();
  return std::optional<LegacyLink>(std::move(link));
}

absl::StatusOr<LegacyLink> RequireLink(Session& session) {
  auto read = ReadLink(session);
  if (!read.ok()) return read.status();
  std::optional<LegacyLink> link = *std::move(read);
  if (!link) return MoveRefused("no legacy table is linked to this store; link one with `eventctl dual-write install`");
  return *std::move(link);
}

absl::Status InstallLink(Session& session, const LegacyLink& link, const std::string& who,
                         const LockPatience& patience) {
  return WithAllLanes(session, patience, [&]() -> absl::Status {
    auto before = ReadLink(session);
    if (!before.ok()) return before.status();
    if (*before) {
      return MoveRefused(
          fmt::format("table {} is linked already; `eventctl dual-write status` shows it, `eventctl dual-write "
                      "remove` forgets it",
                      (*before)->QualifiedTable()));
    }
    LegacyLink checked = link;
    absl::Status done = CheckTable(session, checked);
    if (done.ok()) done = Insert(session, checked);
    if (done.ok() && link.direction != LegacyDirection::kStoreToLegacy) done = session.Run(kInstallNotes, {}).status();
    if (done.ok() && link.direction != LegacyDirection::kLegacyToStore) done = session.Run(kInstallMirror, {}).status();
    if (!done.ok()) return done;
    return LogStep(session, {who, "install", StepOutcome::kDone,
                             fmt::format("{}, {}{}", link.QualifiedTable(), DirectionName(link.direction),
                                         link.strict ? ", strict" : "")});
  });
}

absl::Status RemoveLink(Session& session, const std::string& who, const LockPatience& patience) {
  return WithAllLanes(session, patience, [&]() -> absl::Status {
    auto link = RequireLink(session);
    if (!link.ok()) return link.status();
    using domain::MoveStage;
    if (link->stage == MoveStage::kSwitched || link->stage == MoveStage::kClosing) {
      return MoveRefused(fmt::format("the move is at stage {}: a view has the name {}.{}. First {}",
                                     domain::StageName(link->stage), link->schema, link->original_table,
                                     link->stage == MoveStage::kClosing
                                         ? "finish `eventctl cutover drop-legacy`"
                                         : "`eventctl cutover rollback` or `eventctl cutover drop-legacy`"));
    }
    absl::Status done = session.Run(kRemoveNotes, {}).status();
    if (done.ok()) done = session.Run(kRemoveMirror, {}).status();
    if (done.ok()) done = session.RunScript(kForget).status();
    if (!done.ok()) return done;
    return LogStep(session, {who, "remove", StepOutcome::kDone, link->QualifiedTable()});
  });
}

absl::Status SetEventType(Session& session, const std::string& type, bool enabled, const std::string& who) {
  auto changed = session.Run(enabled ? kEnable : kDisable, {type});
  if (!changed.ok()) return changed.status();
  if (changed->empty()) return RequireLink(session).status();
  return LogStep(session, {who, enabled ? "enable" : "disable", StepOutcome::kDone, type});
}

}  // namespace eventstore::moving
