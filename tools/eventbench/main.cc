// eventbench: load for an event store, and what it makes of it.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/synchronization/mutex.h"
#include "server/version/version.h"
#include "tools/eventbench/load/drain.h"
#include "tools/eventbench/load/hold.h"
#include "tools/eventbench/options/flags.h"
#include "tools/eventbench/report/json.h"
#include "tools/eventbench/report/page.h"
#include "tools/eventbench/report/text.h"
#include "tools/eventbench/run/connect.h"
#include "tools/eventbench/run/run.h"
#include "tools/eventctl/exit_code.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/progress_line.h"

namespace {

using namespace eventstore::eventbench;  // NOLINT(google-build-using-namespace): this file only puts the parts together
namespace eventctl = eventstore::eventctl;

RunHooks HooksOf(eventctl::ProgressLine& progress, const eventctl::Interrupt& interrupt) {
  RunHooks hooks;
  hooks.on_progress = [&](const std::string& what, std::int64_t done, std::int64_t all) {
    progress.Show(static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(1, all)),
                  fmt::format("{}: {} of {}", what, eventctl::WithThousands(done), eventctl::WithThousands(all)));
    return !interrupt.requested();
  };
  hooks.on_moment = [&](const LiveFigures& live) {
    const auto left = std::chrono::seconds(std::llround(live.seconds_all - live.seconds_done));
    progress.Show(live.seconds_done / live.seconds_all,
                  fmt::format("{} events/s, {} operations/s, {} errors, {}{} left",
                              eventctl::WithThousands(static_cast<std::int64_t>(live.events_per_second)),
                              eventctl::WithThousands(static_cast<std::int64_t>(live.operations_per_second)),
                              eventctl::WithThousands(live.errors), live.warming_up ? "warming up, " : "",
                              eventctl::FormatDuration(left)));
    return !interrupt.requested();
  };
  return hooks;
}

bool WriteFile(const std::string& path, const std::string& text) {
  if (path.empty()) return true;
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) std::cerr << "error: cannot write " << path << '\n';
  return static_cast<bool>(file);
}

eventctl::ExitCode ExitCodeOf(const absl::Status& status) {
  std::cerr << "error: " << status.message() << '\n';
  if (status.code() == absl::StatusCode::kCancelled) return eventctl::kInterrupted;
  return status.code() == absl::StatusCode::kUnavailable ? eventctl::kUnreachable : eventctl::kFailed;
}

eventctl::ExitCode RunAndReport(const Options& options, const OutputFlags& output) {
  const eventctl::Interrupt interrupt;
  eventctl::ProgressLine progress(std::cerr, eventctl::InspectTerminal(2), true);
  const auto result = Run(options, HooksOf(progress, interrupt));
  progress.End();
  if (!result.ok()) return ExitCodeOf(result.status());
  if (output.json) {
    std::cout << ToJson(options, *result) << '\n';
  } else {
    PrintResult(std::cout, eventctl::InspectTerminal(1), options, *result);
  }
  const bool written = WriteFile(output.html, output.html.empty() ? "" : ResultHtml(options, *result)) &&
                       WriteFile(output.svg, output.svg.empty() ? "" : ResultSvg(options, *result));
  const auto& verified = result->verified;
  if (verified && verified->found.Violations() > 0) return eventctl::kNegative;
  if (result->interrupted || (verified && verified->interrupted)) return eventctl::kInterrupted;
  if (!result->hopeless.empty() || !written) return eventctl::kFailed;
  return eventctl::kOk;
}

eventctl::ExitCode HoldAndReport(const Options& options, const OutputFlags& output) {
  const eventctl::Interrupt interrupt;
  eventctl::ProgressLine progress(std::cerr, eventctl::InspectTerminal(2), true);
  const auto channels = Connect(options, options.connections);
  if (!channels.ok()) return ExitCodeOf(channels.status());
  const HoldFigures held = Hold(options, *channels, [&](const HoldFigures& live) {
    progress.Show(live.seconds_done / options.seconds,
                  fmt::format("{} streams open, {} failed, {} pages", live.open, live.failed, live.pages));
    return !interrupt.requested();
  });
  progress.End();
  if (output.json) {
    std::cout << ToJson(options, held) << '\n';
  } else {
    std::cout << fmt::format("{} streams were open for {:.1f} s; {} pages, {} bytes; {} failed\n", held.open,
                             held.seconds_done, held.pages, held.bytes, held.failed);
    for (const auto& [reason, times] : held.errors) std::cout << fmt::format("{} {}\n", times, reason);
  }
  if (interrupt.requested()) return eventctl::kInterrupted;
  return held.failed > 0 ? eventctl::kFailed : eventctl::kOk;
}

eventctl::ExitCode DrainAndReport(const Options& options, const OutputFlags& output) {
  const eventctl::Interrupt interrupt;
  eventctl::ProgressLine progress(std::cerr, eventctl::InspectTerminal(2), true);
  const auto channels = Connect(options, options.connections);
  if (!channels.ok()) return ExitCodeOf(channels.status());
  const auto drained = DrainStore(options, *channels, [&](const DrainFigures& live) {
    const auto share =
        static_cast<double>(live.events) / static_cast<double>(std::max<std::int64_t>(1, live.events_all));
    const auto left = std::chrono::seconds(std::llround(live.seconds * (1 - share) / std::max(share, 1e-6)));
    progress.Show(share, fmt::format("{} of {} events, {} events/s, {} left", eventctl::WithThousands(live.events),
                                     eventctl::WithThousands(live.events_all),
                                     eventctl::WithThousands(std::llround(EventsPerSecond(live))),
                                     eventctl::FormatDuration(left)));
    return !interrupt.requested();
  });
  progress.End();
  if (!drained.ok()) return ExitCodeOf(drained.status());
  if (output.json) {
    std::cout << ToJson(options, *drained) << '\n';
  } else {
    std::cout << fmt::format("{} of {} events in {:.2f} s: {} events/s\n", eventctl::WithThousands(drained->events),
                             eventctl::WithThousands(drained->events_all), drained->seconds,
                             eventctl::WithThousands(std::llround(EventsPerSecond(*drained))));
  }
  return interrupt.requested() ? eventctl::kInterrupted : eventctl::kOk;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what nobody expects is to end the program with its text
int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  // Debian's abseil looks for cycles at every lock, 50 ns each; a call through gRPC takes dozens of them.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Options options;
  options.mix = Mix::Parse("append").value();
  OutputFlags output;
  CLI::App app("Load for an event store: appends and reads in any mix, with latencies, checked afterwards.",
               "eventbench");
  app.set_version_flag("--version", eventstore::VersionLine("eventbench"));
  AddFlags(app, options, output);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" of code 0 to CLI11.
    return app.exit(error) == 0 ? eventctl::kOk : eventctl::kUsage;
  }
  if (const absl::Status status = Check(options); !status.ok()) {
    std::cerr << "error: " << status.message() << '\n';
    return eventctl::kUsage;
  }
  if (options.drain != Drain::kNone) return DrainAndReport(options, output);
  return options.holds() ? HoldAndReport(options, output) : RunAndReport(options, output);
}
