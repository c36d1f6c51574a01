// Times as people type them, and as the store prints them.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::eventctl {

using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;

// 2026-11-21, 2026-11-21T14:00, 2026-11-21 14:00:05.123, each with an optional Z or +hh:mm (UTC without one); now; or how
// long ago: 90s, 15m, 2h, 7d, 3w. Nothing: not a time.
std::optional<SystemTime> ParseTime(std::string_view text, SystemTime now);

google::protobuf::Timestamp ToProto(SystemTime time);
SystemTime FromProto(const google::protobuf::Timestamp& time);

// A flag's value that has passed TimeValidator(), against the clock. Nothing: the flag was not given.
std::optional<google::protobuf::Timestamp> ParseTimeFlag(const std::string& text);

// 2026-11-21T14:00:05.123456Z, for programs.
std::string FormatTime(const google::protobuf::Timestamp& time);
// 2026-11-21 14:00:05.123, UTC, for people.
std::string FormatTimeShort(const google::protobuf::Timestamp& time);

// What a --from and similar accept, for help texts.
inline constexpr char kTimeHelp[] = "TIME: 2026-11-21, 2026-11-21T14:00Z, or how long ago: 90s 15m 2h 7d 3w";

}  // namespace eventstore::eventctl
