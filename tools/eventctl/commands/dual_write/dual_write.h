// The subcommands of `eventctl dual-write`: each adds itself and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <thread>

#include "server/moving/all_lanes.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {

void AddDualWriteInstall(CLI::App& dual_write, Context& context);
void AddDualWriteStatus(CLI::App& dual_write, Context& context);
void AddDualWriteTypes(CLI::App& dual_write, Context& context);
void AddDualWriteRun(CLI::App& dual_write, Context& context);
void AddDualWriteRemove(CLI::App& dual_write, Context& context);

// Each lock is waited for one second, thirty times; what is in the way is said.
inline moving::LockPatience PatienceOf(Context& context) {
  moving::LockPatience patience;
  patience.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  patience.notice = [&context](const std::string& text) { Hint(context, text); };
  return patience;
}

}  // namespace eventstore::eventctl
