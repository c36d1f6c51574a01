// The flags that say which events are wanted, the same for every command that has them.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "eventstore/v1/event.pb.h"

namespace eventstore::eventctl {

struct FilterFlags {
  std::vector<std::string> event_types;  // exact, or the beginning and a *
  std::vector<std::string> aggregate_types;
  std::vector<std::string> users;
  std::vector<std::string> correlations;
  std::vector<std::string> sources;
  std::vector<std::string> metadata;  // KEY=VALUE

  void AddTo(CLI::App& command);
  bool empty() const;
  v1::EventFilter ToProto() const;
};

// "event types order.*, paid; user ada": a filter for people. "all events" when it is empty.
std::string FilterText(const v1::EventFilter& filter);

}  // namespace eventstore::eventctl
