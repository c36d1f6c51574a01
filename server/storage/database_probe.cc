#include "server/storage/database_probe.h"

#include <poll.h>

#include "server/storage/conninfo.h"

namespace eventstore::storage {
namespace {

using std::chrono::steady_clock;

constexpr char kTooSlow[] = "it did not answer in time";

}  // namespace

absl::Status DatabaseProbe::Ask(std::chrono::milliseconds patience) {
  const Time end = steady_clock::now() + patience;
  const bool reused = connection_ != nullptr;
  absl::Status answer = reused ? Query(end) : Connect(end);
  if (reused) {
    // A connection that died while it was idle shows only now.
    if (answer.ok() || connection_) return answer;
    answer = Connect(end);
  }
  return answer.ok() ? Query(end) : answer;
}

absl::Status DatabaseProbe::Connect(Time end) {
  auto complete = CompleteConninfo(conninfo_, "eventstored " + role_);
  if (!complete.ok()) return complete.status();
  connection_.reset(PQconnectStart(complete->c_str()));
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK; step = PQconnectPoll(connection_.get())) {
    if (!connection_ || PQstatus(connection_.get()) == CONNECTION_BAD) return Lost("could not connect");
    if (!Await(step == PGRES_POLLING_READING ? POLLIN : POLLOUT, end)) return Lost(kTooSlow);
  }
  return absl::OkStatus();
}

absl::Status DatabaseProbe::Query(Time end) {
  if (PQsendQuery(connection_.get(), "SELECT NOT pg_is_in_recovery()") == 0) return Lost("could not ask");
  bool primary = false;
  for (;;) {
    while (PQisBusy(connection_.get()) != 0) {
      if (!Await(POLLIN, end)) return Lost(kTooSlow);
      if (PQconsumeInput(connection_.get()) == 0) return Lost("the connection broke");
    }
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_.get()), &PQclear);
    if (!result) break;
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return Lost("it could not answer");
    primary = std::string(PQgetvalue(result.get(), 0, 0)) == "t";
  }
  return primary ? absl::OkStatus() : absl::UnavailableError("it is a standby and takes no writes");
}

bool DatabaseProbe::Await(short events, Time end) const {
  pollfd socket{PQsocket(connection_.get()), events, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now()).count();
    if (left <= 0) return false;
    // Interrupted by a signal: go on with what is left.
    if (poll(&socket, 1, static_cast<int>(left)) > 0) return true;
  }
}

absl::Status DatabaseProbe::Lost(const std::string& what) {
  std::string why = connection_ ? PQerrorMessage(connection_.get()) : "";
  why = why.substr(0, why.find('\n'));
  connection_.reset();
  return absl::UnavailableError(why.empty() ? what : what + ": " + why);
}

}  // namespace eventstore::storage
