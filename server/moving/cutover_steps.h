// Takes the steps of the cut-over (domain/cutover.h) on the database. Each is refused with MOVE_REFUSED when a condition does
// not hold, is one transaction, and is written to cutover_log with its outcome.
//
// Only one runs at a time, by an advisory lock. Killed anywhere, it leaves the stage before or after it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/cutover.h"
#include "server/moving/all_lanes.h"
#include "server/moving/forwarder.h"
#include "server/storage/session.h"

namespace eventstore::moving {

class CutoverSteps {
 public:
  // `who`: for the log. `rule`: of rows that are still to come.
  CutoverSteps(const std::string& conninfo, std::string who, MakeRowRule rule, LockPatience patience)
      : session_(conninfo, "cutover"),
        forwarder_(conninfo, std::move(rule)),
        who_(std::move(who)),
        patience_(std::move(patience)) {}

  // What has to hold for the step, and what is so.
  absl::StatusOr<std::vector<domain::MoveCondition>> Conditions(domain::CutoverStep step,
                                                                const domain::MoveLimits& limits);

  // Writes down how a comparison of the two sides ended; `switch` asks for a clean one.
  absl::Status RecordCheck(bool clean, const std::string& detail);

  // Brings over what is on its way; then, with the legacy table locked, the rest; renames the table, gives its name to the
  // view, and has both sides written to from then on. Legacy writers and appends wait while the table is locked: as long as
  // the last rows take.
  absl::Status Switch(const domain::MoveLimits& limits, bool forward_old_writers);

  // Puts everything back as it was before. What was appended since is in the legacy table.
  absl::Status Rollback(const domain::MoveLimits& limits);

  struct Dropped {
    std::string archive;  // the file
    std::int64_t rows = 0;
    std::int64_t bytes = 0;  // of the file
  };
  // Ends the writing to the legacy table (there is no way back from here), archives it into `folder`, reads the archive
  // back, compares it with the table, and drops the table. Goes on where it was interrupted.
  absl::StatusOr<Dropped> DropLegacy(const domain::MoveLimits& limits, const std::string& folder);

 private:
  absl::Status TakeTurn();
  absl::Status Require(domain::CutoverStep step, const domain::MoveLimits& limits);
  absl::Status CatchUp();
  absl::Status LockAndDrain(const domain::MoveLimits& limits);
  absl::Status RequireNothingLeft(bool mirrored_too);
  absl::Status Close(const domain::MoveLimits& limits);
  absl::Status Logged(const char* step, const absl::Status& status);

  storage::Session session_;
  Forwarder forwarder_;
  const std::string who_;
  const LockPatience patience_;
};

}  // namespace eventstore::moving
