// The one list of settings.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "server/settings/settings.h"

namespace eventstore::settings {

enum class Kind {
  kText,
  kFolder,
  kFile,
  kListen,
  kNumber,
  kSwitch,
  kLogLevel,
  kLogFormat,
  kEngine,
  kDatabase,
  kArchive,
  kDaysByType,
};

struct Setting {
  std::string name;  // the key in the config file, "grpc_listen"
  Kind kind = Kind::kText;
  std::variant<std::string Settings::*, int Settings::*, bool Settings::*> member{};
  std::string default_value;
  std::string doc;
  int min = 0;  // of a number
  int max = 0;
  std::string also_env{};  // a second variable, for compatibility; EVENTSTORE_<NAME> goes before it
  bool has_flag = true;    // false for secrets: a flag shows in the list of processes
  bool in_file = true;

  std::string Flag() const;         // "--grpc-listen"
  std::string Variable() const;     // "EVENTSTORE_GRPC_LISTEN"
  std::string Placeholder() const;  // "HOST:PORT"
};

// Defaults depend on who asks: `root`, and the XDG and HOME variables.
std::vector<Setting> SettingsTable(const Environment& environment, bool root);

// Those of what a client may ask for, a part of the table (limit_settings.cc).
std::vector<Setting> LimitSettings();

// The entry of `names` closest to `wrong`, or "" when none is close.
std::string Nearest(const std::string& wrong, const std::vector<std::string>& names);

}  // namespace eventstore::settings
