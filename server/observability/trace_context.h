// Which request of whom: the trace id of W3C Trace Context (the header "traceparent") and a request id ("x-request-id"),
// as clients send them. What they send is not trusted: anything that is not exactly of the form is as if it was not there,
// so nothing of a client's choosing gets into a log but letters, digits and a few marks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/domain/clock.h"

namespace eventstore::observability {

inline constexpr char kTraceparentHeader[] = "traceparent";
inline constexpr char kRequestIdHeader[] = "x-request-id";
inline constexpr std::size_t kMaxRequestIdBytes = 128;

struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> parent_id{};  // the span
  std::uint8_t flags = 0;                   // bit 0: sampled

  std::string TraceId() const;      // 32 hexadecimal digits
  std::string Traceparent() const;  // "00-<trace id>-<span>-<flags>"
  bool operator==(const TraceContext&) const = default;
};

// Version 00 exactly as the recommendation has it: lower case, 55 characters, ids that are not zero. Of later versions
// that part which is the same; version ff is invalid.
std::optional<TraceContext> ParseTraceparent(std::string_view header);

// 1 to 128 letters, digits and ._:/+=@~-
bool IsRequestId(std::string_view text);

struct RequestIds {
  std::string request_id;
  TraceContext trace;  // with a span of this call's own
};

// Of a call; empty headers are missing ones. Whatever is missing or malformed is made.
RequestIds IdsOf(std::string_view traceparent, std::string_view request_id, domain::IdMaker& ids);

}  // namespace eventstore::observability
