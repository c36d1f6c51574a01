#include "server/storage/pipeline_session.h"

#include <utility>

#include "fmt/format.h"
#include "server/storage/conninfo.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr int kBinary = 1;

absl::Status StatusOf(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message == nullptr) message = PQresultErrorMessage(result);
  return StatusFromSqlState(state == nullptr ? "" : state, message);
}

// Parameters as libpq wants them.
struct Wire {
  explicit Wire(const std::vector<std::optional<std::string>>& parameters) : formats(parameters.size(), kBinary) {
    for (const auto& value : parameters) {
      values.push_back(value ? value->data() : nullptr);
      lengths.push_back(value ? static_cast<int>(value->size()) : 0);
    }
  }

  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
};

bool IsGood(ExecStatusType status) { return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK; }

}  // namespace

Parameters& Parameters::Add(BinaryArray array) {
  types_.push_back(ArrayOid(array.element()));
  values_.push_back(array.Take());
  return *this;
}

std::string& Parameters::Next(PgType type) {
  types_.push_back(static_cast<Oid>(type));
  return values_.emplace_back(std::in_place).value();
}

Parameters& Parameters::AddInt4(std::int32_t value) {
  AppendInt32(Next(PgType::kInt4), value);
  return *this;
}

Parameters& Parameters::AddInt8(std::int64_t value) {
  AppendInt64(Next(PgType::kInt8), value);
  return *this;
}

Parameters& Parameters::AddTime(domain::TimeMicros time) {
  AppendInt64(Next(PgType::kTimestamp), ToPgTime(time));
  return *this;
}

Parameters& Parameters::AddText(std::string text) {
  Next(PgType::kText) = std::move(text);
  return *this;
}

Parameters& Parameters::AddId(const std::optional<domain::Uuid>& id) {
  if (!id) return AddNull(PgType::kUuid);
  Next(PgType::kUuid).assign(id->bytes.begin(), id->bytes.end());
  return *this;
}

Parameters& Parameters::AddJson(std::string_view text) {
  Next(PgType::kJsonb).append(1, kJsonbVersion).append(text);
  return *this;
}

Parameters& Parameters::AddNull(PgType type) {
  types_.push_back(static_cast<Oid>(type));
  values_.emplace_back(std::nullopt);
  return *this;
}

PipelineSession::PipelineSession(std::string conninfo, std::string role, std::string settings)
    : conninfo_(std::move(conninfo)),
      role_(std::move(role)),
      settings_(std::move(settings)),
      connection_(nullptr, &PQfinish) {}

void PipelineSession::Disconnect() {
  connection_.reset();
  prepared_.clear();
  awaited_.clear();
}

bool PipelineSession::in_transaction() const {
  return connection_ && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
}

absl::Status PipelineSession::LostAs(const std::string& message) {
  const absl::Status status = StatusFromSqlState("", message);
  Disconnect();
  return status;
}

absl::Status PipelineSession::Lost() { return LostAs(PQerrorMessage(connection_.get())); }

absl::Status PipelineSession::EnsureConnected() {
  if (connection_) return absl::OkStatus();
  auto complete = CompleteConninfo(conninfo_, fmt::format("eventstored {}", role_));
  if (!complete.ok()) return complete.status();
  connection_.reset(PQconnectdb(complete->c_str()));
  if (!connection_ || PQstatus(connection_.get()) != CONNECTION_OK) return Lost();
  const Result set(PQexec(connection_.get(), (std::string(kSessionSettings) + settings_).c_str()), &PQclear);
  if (!IsGood(PQresultStatus(set.get()))) {
    const absl::Status status = StatusOf(set.get());
    Disconnect();
    return status;
  }
  if (PQenterPipelineMode(connection_.get()) != 1) return Lost();
  ++generation_;
  return absl::OkStatus();
}

absl::Status PipelineSession::Add(const Prepared& statement, const Parameters& parameters) {
  if (absl::Status connected = EnsureConnected(); !connected.ok()) return connected;
  const int count = static_cast<int>(parameters.values_.size());
  if (!prepared_.contains(statement.name)) {
    if (PQsendPrepare(connection_.get(), statement.name.c_str(), statement.sql.c_str(), count,
                      parameters.types_.data()) != 1) {
      return Lost();
    }
    awaited_.emplace_back(statement.name);
    prepared_.insert(statement.name);
  }
  const Wire wire(parameters.values_);
  if (PQsendQueryPrepared(connection_.get(), statement.name.c_str(), count, wire.values.data(), wire.lengths.data(),
                          wire.formats.data(), kBinary) != 1) {
    return Lost();
  }
  awaited_.emplace_back();
  return absl::OkStatus();
}

absl::Status PipelineSession::AddOnce(const std::string& sql, const Parameters& parameters) {
  if (absl::Status connected = EnsureConnected(); !connected.ok()) return connected;
  const Wire wire(parameters.values_);
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(parameters.values_.size()),
                        parameters.types_.data(), wire.values.data(), wire.lengths.data(), wire.formats.data(),
                        kBinary) != 1) {
    return Lost();
  }
  awaited_.emplace_back();
  return absl::OkStatus();
}

absl::Status PipelineSession::Send() {
  if (!connection_) return LostAs("not connected");
  if (PQpipelineSync(connection_.get()) != 1 || PQflush(connection_.get()) < 0) return Lost();
  return absl::OkStatus();
}

// All results of one statement: its own, and nothing or, of a dying backend, a second error. False: the connection is lost.
bool PipelineSession::CollectOne(const Awaited& awaited, std::vector<Rows>& rows, absl::Status& failed) {
  bool first = true;
  for (Result result(PQgetResult(connection_.get()), &PQclear); result;
       result.reset(PQgetResult(connection_.get())), first = false) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (!IsGood(status)) {
      if (!awaited.preparing.empty()) prepared_.erase(awaited.preparing);
      if (failed.ok() && status != PGRES_PIPELINE_ABORTED) failed = StatusOf(result.get());
    } else if (awaited.preparing.empty()) {
      rows.emplace_back(result.release());
      ++succeeded_;
    }
    if (PQstatus(connection_.get()) != CONNECTION_OK) return false;
  }
  return !first;
}

absl::StatusOr<std::vector<Rows>> PipelineSession::Collect() {
  succeeded_ = 0;
  if (!connection_) return LostAs("not connected");
  std::vector<Rows> rows;
  absl::Status failed = absl::OkStatus();
  for (const Awaited& awaited : awaited_) {
    if (CollectOne(awaited, rows, failed)) continue;
    const absl::Status lost = Lost();
    return failed.ok() ? lost : failed;
  }
  awaited_.clear();
  const Result sync(PQgetResult(connection_.get()), &PQclear);
  if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) {
    const absl::Status lost = sync ? StatusOf(sync.get()) : Lost();
    Disconnect();
    return failed.ok() ? lost : failed;
  }
  if (failed.ok()) return rows;
  if (IsConnectionLost(failed)) Disconnect();
  return failed;
}

absl::StatusOr<std::vector<Rows>> PipelineSession::Run() {
  if (absl::Status sent = Send(); !sent.ok()) return sent;
  return Collect();
}

}  // namespace eventstore::storage
