#include "server/moving/cutover_log.h"

namespace eventstore::moving {
namespace {

using storage::Query;
using storage::Session;

const Query kWrite{"legacy_log", R"sql(
INSERT INTO cutover_log (who, step, outcome, detail) VALUES ($1::text || ', role ' || session_user, $2, $3, $4)
)sql"};

const Query kRead{"legacy_read_log", R"sql(
SELECT who, step, outcome, detail, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM (SELECT * FROM cutover_log ORDER BY seq DESC LIMIT $1::integer) newest ORDER BY seq
)sql"};

}  // namespace

std::string OutcomeName(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::kDone:
      return "done";
    case StepOutcome::kRefused:
      return "refused";
    case StepOutcome::kFailed:
      return "failed";
  }
  return "";
}

absl::Status LogStep(Session& session, const LoggedStep& step) {
  return session.Run(kWrite, {step.who, step.step, OutcomeName(step.outcome), step.detail}).status();
}

absl::StatusOr<std::vector<LoggedStep>> ReadLog(Session& session, int limit) {
  auto rows = session.Run(kRead, {std::to_string(limit)});
  if (!rows.ok()) return rows.status();
  std::vector<LoggedStep> steps;
  for (const auto& row : *rows) {
    const std::string outcome = row[2].c_str();
    steps.push_back({row[0].c_str(), row[1].c_str(),
                     outcome == "done"      ? StepOutcome::kDone
                     : outcome == "refused" ? StepOutcome::kRefused
                                            : StepOutcome::kFailed,
                     row[3].c_str(), row[4].c_str()});
  }
  return steps;
}

}  // namespace eventstore::moving
