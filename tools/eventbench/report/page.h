// The result of a run as a picture, or as a page around it.
#pragma once

#include <string>

#include "tools/eventbench/options/options.h"
#include "tools/eventbench/run/run.h"

namespace eventstore::eventbench {

// Latency percentiles, and rate and latency over time.
std::string ResultSvg(const Options& options, const RunResult& result);

// One file, with the picture and the figures in it.
std::string ResultHtml(const Options& options, const RunResult& result);

}  // namespace eventstore::eventbench
