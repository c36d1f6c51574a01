// What is told of a migration: remarks while it goes on, and the report at its end.
#pragma once

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/moving/mover.h"
#include "tools/eventctl/output/progress_line.h"

namespace eventstore::eventctl {

// Rows that were skipped or changed: all of them to a file, as JSON lines, and the first ones to the terminal.
class Remarks {
 public:
  // `file`: "": none.
  Remarks(Context& context, ProgressLine& progress) : context_(context), progress_(progress) {}
  absl::Status Open(const std::string& file);
  void Add(const MoveRemark& remark);
  // How many more there were than have been shown.
  void End();

 private:
  static constexpr int kShown = 20;
  Context& context_;
  ProgressLine& progress_;
  std::ofstream file_;
  bool has_file_ = false;
  std::int64_t count_ = 0;
};

struct MovePlan {
  std::string source;
  std::string run;  // "": a dry run
  bool resumed = false;
  SourceFacts facts;
  domain::TimeMicros proposed_interval = 0;
  domain::TimeMicros interval = 0;  // 0: the store's own
};

// "30 days"; "the store's own".
std::string IntervalText(domain::TimeMicros interval);

void PrintMove(Context& context, const MovePlan& plan, const MoveReport& report);

}  // namespace eventstore::eventctl
