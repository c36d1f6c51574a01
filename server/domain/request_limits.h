// The bounds on a request that an operator may tighten. Each is a setting of the same name; the constants of limits.h are
// the defaults, and the most that can be set: clients take messages of 4 MiB, and archives lines of a known length.
#pragma once

#include <cstddef>
#include <string_view>

#include "server/domain/limits.h"

namespace eventstore::domain {

struct RequestLimits {
  std::size_t message_bytes = std::size_t{64} << 20;  // as it arrives, decompressed
  std::size_t events = kMaxEventsPerRequest;
  std::size_t request_bytes = kMaxRequestBytes;
  std::size_t data_bytes = kMaxDataBytes;
  std::size_t metadata_bytes = kMaxMetadataBytes;
  int json_depth = kMaxJsonDepth;
  int query_days = 0;  // that a read by time may span; 0: any
  // A member of metadata that clients must not send, since the server writes it; empty: none. Static.
  std::string_view reserved_member = {};
};

// The settings' names, as errors tell them.
inline constexpr char kMaxMessageBytesSetting[] = "max_message_bytes";
inline constexpr char kMaxEventsSetting[] = "max_events_per_append";
inline constexpr char kMaxRequestBytesSetting[] = "max_request_bytes";
inline constexpr char kMaxDataBytesSetting[] = "max_data_bytes";
inline constexpr char kMaxMetadataBytesSetting[] = "max_metadata_bytes";
inline constexpr char kMaxJsonDepthSetting[] = "max_json_depth";
inline constexpr char kMaxQueryDaysSetting[] = "max_query_days";

}  // namespace eventstore::domain
