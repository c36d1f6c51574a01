#include "server/observability/trace_context.h"

#include <algorithm>
#include <span>

namespace eventstore::observability {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr std::size_t kLength = 55;

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Two digits a byte; false when they are none.
bool Read(std::string_view digits, std::span<std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = DigitOf(digits[2 * i]);
    const int low = DigitOf(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

std::string Hex(std::span<const std::uint8_t> bytes) {
  std::string hex;
  for (const std::uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

bool IsZero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::string TraceContext::TraceId() const { return Hex(trace_id); }

std::string TraceContext::Traceparent() const {
  return "00-" + Hex(trace_id) + "-" + Hex(parent_id) + "-" + Hex({&flags, 1});
}

std::optional<TraceContext> ParseTraceparent(std::string_view header) {
  if (header.size() < kLength) return std::nullopt;
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  std::uint8_t version = 0;
  if (!Read(header, {&version, 1}) || version == 0xff) return std::nullopt;
  if (header.size() > kLength && (version == 0 || header[kLength] != '-')) return std::nullopt;
  TraceContext context;
  if (!Read(header.substr(3), context.trace_id) || IsZero(context.trace_id)) return std::nullopt;
  if (!Read(header.substr(36), context.parent_id) || IsZero(context.parent_id)) return std::nullopt;
  if (!Read(header.substr(53), {&context.flags, 1})) return std::nullopt;
  return context;
}

bool IsRequestId(std::string_view text) {
  constexpr std::string_view kMarks = "._:/+=@~-";
  const auto good = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kMaxRequestIdBytes && std::ranges::all_of(text, good);
}

RequestIds IdsOf(std::string_view traceparent, std::string_view request_id, domain::IdMaker& ids) {
  RequestIds result;
  if (const auto parsed = ParseTraceparent(traceparent)) {
    result.trace = *parsed;
  } else {
    const auto made = ids.Make().bytes;
    std::ranges::copy(made, result.trace.trace_id.begin());
  }
  // The second half of an id: its first one is mostly the time.
  const auto span = ids.Make().bytes;
  std::copy(span.begin() + 8, span.end(), result.trace.parent_id.begin());
  result.request_id = IsRequestId(request_id) ? std::string(request_id) : ids.Make().ToString();
  return result;
}

}  // namespace eventstore::observability
