#include "server/storage/conversion/table_conversion.h"

#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_errors.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

constexpr int kLockTries = 100;
// So few notes are taken under the lock of the swap.
constexpr std::int64_t kFewNotes = 1'000;

constexpr Query kKey{"convert_key", R"sql(
SELECT a.attname
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = to_regclass(format('public.%I', $1::text)) AND i.indisprimary AND i.indnkeyatts = 1
)sql"};
constexpr Query kPlan{"convert_plan", "SELECT kind, what FROM conversion_plan($1, $2, $3)"};
constexpr Query kState{"convert_state", R"sql(
SELECT rows_copied, copied, time_column = $2 AND id_column = $3
                            AND interval_us = (extract(epoch FROM $4::interval) * 1000000)::bigint
FROM table_conversions WHERE table_name = $1
)sql"};
constexpr Query kBegin{"convert_begin", "SELECT conversion_begin($1, $2, $3, $4::interval)"};
constexpr Query kCopy{"convert_copy", "SELECT conversion_copy($1, $2::integer)"};
constexpr Query kCatchUp{"convert_catch_up", "SELECT conversion_catch_up($1, $2::integer)"};
constexpr Query kIndexes{"convert_indexes", "SELECT conversion_indexes($1)"};
constexpr Query kFinish{"convert_finish", "SELECT conversion_finish($1, nullif($2, ''), $3::integer, $4::integer)"};
constexpr Query kAbandon{"convert_abandon", "SELECT conversion_abandon($1)"};
constexpr Query kNames{"convert_names", "SELECT format('%I', $1::text), format('%I', $2::text)"};

// {0}: the table, {1}: its time. $1: the interval.
constexpr char kSize[] = R"sql(
SELECT count(*), count(DISTINCT floor(extract(epoch FROM {1}) / extract(epoch FROM $1::interval))) FROM public.{0}
)sql";

std::optional<std::string> Number(const std::optional<int>& number) {
  return number ? std::optional(fmt::format("{}", *number)) : std::nullopt;
}

absl::Status Refused(const std::string& message) { return domain::ErrorOf(domain::Reason::kInvalidRequest, message); }

absl::StatusOr<std::string> IdColumn(Session& session, const ConversionRequest& request) {
  if (!request.id_column.empty()) return request.id_column;
  auto key = session.Run(kKey, {request.table});
  if (!key.ok()) return key.status();
  return key->empty() ? std::string() : std::string((*key)[0][0].c_str());
}

// One step as a transaction, tried again while a lock cannot be had.
absl::StatusOr<std::int64_t> Step(Session& session, const Query& query, const pq::Args& args,
                                  const std::function<void()>& pause) {
  for (int tries = 1;; ++tries) {
    absl::StatusOr<pqxx::result> rows = absl::InternalError("");
    {
      Transaction transaction(session);
      if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
      rows = session.RunScript("SET LOCAL lock_timeout = '1s'");
      if (rows.ok()) rows = session.Run(query, args);
      if (rows.ok()) {
        if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
        // A boolean or nothing counts as none.
        const std::string value = (*rows)[0][0].c_str();
        return value.empty() || value == "t" || value == "f" ? 0 : (*rows)[0][0].as<std::int64_t>();
      }
    }
    const std::string state = SqlStateOf(rows.status());
    const bool locked = state == "55P03" || state == "40P01";
    if (!locked || tries == kLockTries) return rows.status();
    pause();
  }
}

absl::StatusOr<bool> Copied(Session& session, const ConversionRequest& request, const std::string& id) {
  auto rows = session.Run(kState, {request.table, request.time_column, id, request.interval});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return false;
  if (!(*rows)[0][2].as<bool>()) {
    return Refused(
        fmt::format("a conversion of {} with another column or interval has begun: give these again, or take it "
                    "back with --abandon",
                    request.table));
  }
  return (*rows)[0][1].as<bool>();
}

absl::StatusOr<std::int64_t> RowsCopied(Session& session, const ConversionRequest& request, const std::string& id) {
  auto rows = session.Run(kState, {request.table, request.time_column, id, request.interval});
  if (!rows.ok()) return rows.status();
  return rows->empty() ? 0 : (*rows)[0][0].as<std::int64_t>();
}

// All rows, and the changes meanwhile. False: stopped.
absl::StatusOr<bool> CopyAll(Session& session, const ConversionRequest& request, const std::string& id,
                             const ConversionControl& control) {
  const std::string rows_a_step = fmt::format("{}", control.rows_a_step);
  for (bool done = false; !done;) {
    if (control.stop()) return false;
    auto copied = Step(session, kCopy, {request.table, rows_a_step}, control.pause);
    if (!copied.ok()) return copied.status();
    auto caught = Step(session, kCatchUp, {request.table, rows_a_step}, control.pause);
    if (!caught.ok()) return caught.status();
    auto rows = RowsCopied(session, request, id);
    if (!rows.ok()) return rows.status();
    control.progress({ConversionProgress::Doing::kCopying, *rows});
    done = *copied == 0;
  }
  return true;
}

absl::StatusOr<bool> CatchUp(Session& session, const ConversionRequest& request, std::int64_t rows,
                             const ConversionControl& control) {
  for (std::int64_t notes = kFewNotes; notes >= kFewNotes;) {
    if (control.stop()) return false;
    control.progress({ConversionProgress::Doing::kCatchingUp, rows});
    auto caught = Step(session, kCatchUp, {request.table, fmt::format("{}", control.rows_a_step)}, control.pause);
    if (!caught.ok()) return caught.status();
    notes = *caught;
  }
  return true;
}

}  // namespace

absl::StatusOr<ConversionPlan> PlanConversion(Session& session, const ConversionRequest& request) {
  auto id = IdColumn(session, request);
  if (!id.ok()) return id.status();
  ConversionPlan plan;
  plan.id_column = *id;
  auto lines = session.Run(kPlan, {request.table, request.time_column, *id});
  if (!lines.ok()) return lines.status();
  const std::map<std::string, std::vector<std::string>*> kinds = {
      {"refused", &plan.refused}, {"dropped", &plan.dropped}, {"changed", &plan.changed}, {"kept", &plan.kept}};
  for (const auto& line : *lines) kinds.at(line[0].c_str())->emplace_back(line[1].c_str());
  if (!plan.refused.empty()) return plan;
  auto names = session.Run(kNames, {request.table, request.time_column});
  if (!names.ok()) return names.status();
  auto size = session.RunText(fmt::format(fmt::runtime(kSize), (*names)[0][0].c_str(), (*names)[0][1].c_str()),
                              {request.interval});
  if (!size.ok()) return size.status();
  plan.rows = (*size)[0][0].as<std::int64_t>();
  plan.chunks = (*size)[0][1].as<std::int64_t>();
  if (plan.chunks > kMaxConvertedChunks) {
    plan.refused.push_back(
        fmt::format("it would have {} partitions, and {} are enough: choose a longer --chunk-interval", plan.chunks,
                    kMaxConvertedChunks));
  }
  auto state = session.Run(kState, {request.table, request.time_column, *id, request.interval});
  if (!state.ok()) return state.status();
  if (!state->empty()) plan.begun = (*state)[0][0].as<std::int64_t>();
  return plan;
}

absl::StatusOr<bool> ConvertTable(Session& session, const ConversionRequest& request,
                                  const ConversionControl& control) {
  auto plan = PlanConversion(session, request);
  if (!plan.ok()) return plan.status();
  if (!plan->refused.empty()) return Refused(plan->refused.front());
  auto copied = Copied(session, request, plan->id_column);
  if (!copied.ok()) return copied.status();
  auto begun =
      Step(session, kBegin, {request.table, request.time_column, plan->id_column, request.interval}, control.pause);
  if (!begun.ok()) return begun.status();
  if (!*copied) {
    auto all = CopyAll(session, request, plan->id_column, control);
    if (!all.ok() || !*all) return all;
  }
  auto rows = RowsCopied(session, request, plan->id_column);
  if (!rows.ok()) return rows.status();
  control.progress({ConversionProgress::Doing::kIndexing, *rows});
  auto indexed = Step(session, kIndexes, {request.table}, control.pause);
  if (!indexed.ok()) return indexed.status();
  auto caught = CatchUp(session, request, *rows, control);
  if (!caught.ok() || !*caught) return caught;
  control.progress({ConversionProgress::Doing::kSwapping, *rows});
  auto finished =
      Step(session, kFinish,
           {request.table, request.compress_by, Number(request.compress_after_days), Number(request.retention_days)},
           control.pause);
  if (!finished.ok()) return finished.status();
  return true;
}

absl::StatusOr<bool> AbandonConversion(Session& session, const std::string& table) {
  auto abandoned = session.Run(kAbandon, {table});
  if (!abandoned.ok()) return abandoned.status();
  return (*abandoned)[0][0].as<bool>();
}

}  // namespace eventstore::storage
