// The command line of eventbench.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "tools/cli/tls_flags.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

struct OutputFlags {
  cli::TlsFlags tls;
  bool json = false;
  std::string html;
  std::string svg;
};

// Values are in `options` and `output` when the parser is done. Both outlive it.
void AddFlags(CLI::App& app, Options& options, OutputFlags& output);

}  // namespace eventstore::eventbench
