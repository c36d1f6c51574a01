#include <regex>

#include "server/observability/trace_context.h"
#include "tests/fuzz/targets.h"
#include "tests/support/fake_clock.h"

namespace eventstore::fuzz {
namespace {

// The recommendation's own grammar, as a second opinion. What follows a later version's first four fields is free.
bool IsTraceparent(const std::string& text) {
  static const std::regex kForm("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}");
  std::smatch parts;
  const std::string head = text.substr(0, 55);
  if (!std::regex_match(head, parts, kForm)) return false;
  if (parts[1] == "ff" || parts[2] == std::string(32, '0') || parts[3] == std::string(16, '0')) return false;
  return text.size() == 55 || (parts[1] != "00" && text[55] == '-');
}

}  // namespace

std::string CheckTraceparent(const std::string& input) {
  const auto parsed = observability::ParseTraceparent(input);
  if (parsed.has_value() != IsTraceparent(input)) return parsed ? "accepted what is none" : "refused a good one";
  testing::CountingIds maker;
  const auto ids = observability::IdsOf(input, input, maker);
  if (!observability::IsRequestId(ids.request_id)) return "gave a request id that is none";
  if (!observability::ParseTraceparent(ids.trace.Traceparent())) return "gave a traceparent that is none";
  if (!parsed) return "";
  if (ids.trace.trace_id != parsed->trace_id || ids.trace.flags != parsed->flags) return "did not keep the trace";
  if (parsed->Traceparent().substr(3) != input.substr(3, 52)) return "does not print what it read";
  return "";
}

}  // namespace eventstore::fuzz
