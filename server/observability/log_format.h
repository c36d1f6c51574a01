// How the log looks: text for people, or one JSON object a line for what collects logs. Both go to standard output.
#pragma once

#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace eventstore::observability {

enum class LogFormat { kText, kJson };

// What a line says beside its message, as name and value.
using LogValue = std::variant<std::string, double>;
using LogFields = std::vector<std::pair<std::string, LogValue>>;

class Log {
 public:
  // The process's log from here on. `level` as spdlog names it, "info".
  Log(LogFormat format, const std::string& level);

  // A line with fields: in text they follow the message as name=value. Thread-safe, as spdlog is.
  void Write(spdlog::level::level_enum level, std::string_view message, const LogFields& fields) const;

 private:
  LogFormat format_;
  std::shared_ptr<spdlog::logger> with_fields_;
};

// One line: {"time":"2026-11-21T20:34:47.123Z","level":"info","message":"…"} and the fields of Log::Write(). What is not
// UTF-8 is replaced.
std::unique_ptr<spdlog::formatter> MakeJsonFormatter();

}  // namespace eventstore::observability
