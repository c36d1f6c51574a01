// One run: connect, fill, warm up, measure, let what is under way end, check what was written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/eventbench/load/delivery_clock.h"
#include "tools/eventbench/measure/recorder.h"
#include "tools/eventbench/options/options.h"
#include "tools/eventbench/run/prepare.h"
#include "tools/eventbench/verify/verify.h"

namespace eventstore::eventbench {

struct LiveFigures {
  bool warming_up = false;
  double seconds_done = 0;
  double seconds_all = 0;
  double events_per_second = 0;  // of the last moments
  double operations_per_second = 0;
  std::int64_t errors = 0;
};

struct RunHooks {
  OnProgress on_progress;                             // before and after the load; false: stop
  std::function<bool(const LiveFigures&)> on_moment;  // a few times a second; false: stop
};

struct RunResult {
  Recorder recorder{Times{}};
  double seconds = 0;                    // measured
  double client_cpu_seconds = 0;         // of this process, in that time
  std::int64_t not_started = 0;          // open loop: were due, but every slot was taken
  std::int64_t acknowledged_events = 0;  // filling, warming up and the last answers included
  bool interrupted = false;
  std::string hopeless;  // why the run was ended early; empty: it was not
  std::optional<VerifyResult> verified;
  std::optional<DeliveryFigures> delivery;  // to subscribers beside the load
  std::uint64_t seed = 0;
};

absl::StatusOr<RunResult> Run(const Options& options, const RunHooks& hooks);

}  // namespace eventstore::eventbench
