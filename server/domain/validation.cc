#include "server/domain/validation.h"

#include <algorithm>

#include "fmt/format.h"
#include "rapidjson/encodings.h"
#include "rapidjson/memorystream.h"

namespace eventstore::domain {
namespace {

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string LimitText(std::string_view limit, std::uint64_t size, std::uint64_t max) {
  if (EndsWith(limit, "_bytes")) return fmt::format("is {} bytes; the limit is {}", size, max);
  if (EndsWith(limit, "_days")) return fmt::format("is {}; the limit is {}", size, max);
  if (EndsWith(limit, "_events")) return fmt::format("has {} events; the limit is {}", size, max);
  return fmt::format("has {} entries; the limit is {}", size, max);
}

std::string Sentence(const FieldViolation& violation) {
  return violation.field.empty() ? violation.description : violation.field + ' ' + violation.description;
}

// RapidJSON's validator copies what it reads; nobody wants the copy here.
struct NullOutput {
  void Put(char /*unused*/) {}
};

}  // namespace

void Violations::Add(const std::string& field, const std::string& description) {
  ++total_;
  limit_only_ = false;
  if (error_.violations.size() < kMaxReported) error_.violations.push_back({field, description});
}

void Violations::AddLimit(const std::string& field, const std::string& limit, std::size_t size, std::size_t max) {
  ++total_;
  if (error_.violations.size() < kMaxReported) error_.violations.push_back({field, LimitText(limit, size, max)});
  // ErrorInfo has room for one limit: the first.
  if (!error_.metadata.empty()) return;
  error_.metadata = {{"field", field}, {"limit", limit}, {"size", std::to_string(size)}, {"max", std::to_string(max)}};
}

void Violations::AddLimit(const std::string& field, const std::string& limit, std::size_t size, std::size_t max,
                          const std::string& setting) {
  const bool first = error_.metadata.empty();
  AddLimit(field, limit, size, max);
  if (first) error_.metadata.emplace_back("setting", setting);
  if (total_ == error_.violations.size()) error_.violations.back().description += fmt::format(" (setting {})", setting);
}

absl::Status Violations::ToStatus() const {
  if (empty()) return absl::OkStatus();
  Error error = error_;
  error.reason = limit_only_ ? Reason::kLimitExceeded : Reason::kInvalidRequest;
  error.message = "The request is invalid, nothing was done: ";
  for (std::size_t i = 0; i < error.violations.size(); ++i) {
    if (i > 0) error.message += "; ";
    error.message += Sentence(error.violations[i]);
  }
  if (total_ > error.violations.size()) {
    error.message += fmt::format("; and {} more", total_ - error.violations.size());
  }
  error.message += ". Correct the request before sending it again.";
  return domain::ToStatus(error);
}

void CheckText(Violations& violations, const std::string& field, const std::string& limit_name, std::string_view text,
               std::size_t min, std::size_t max) {
  if (text.size() < min) {
    violations.Add(field, text.empty() ? "is required and must not be empty"
                                       : fmt::format("is {} bytes; at least {} are needed", text.size(), min));
  } else if (text.size() > max) {
    violations.AddLimit(field, limit_name, text.size(), max);
  } else if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    violations.Add(field, fmt::format("holds a NUL byte at byte {}, which PostgreSQL cannot store", nul));
  } else if (!IsValidUtf8(text)) {
    violations.Add(field, "is not valid UTF-8");
  }
}

bool IsValidUtf8(std::string_view text) {
  // Nearly every text is ASCII without NUL, and this loop is much the faster one.
  const auto plain = [](char c) { return c != '\0' && (static_cast<unsigned char>(c) & 0x80) == 0; };
  if (std::ranges::all_of(text, plain)) return true;
  if (text.find('\0') != std::string_view::npos) return false;
  rapidjson::MemoryStream input(text.data(), text.size());
  NullOutput output;
  while (input.Tell() < text.size()) {
    if (!rapidjson::UTF8<>::Validate(input, output)) return false;
  }
  return true;
}

void AddBadUuid(Violations& violations, const std::string& field, std::string_view text) {
  if (text.empty()) {
    violations.Add(field, "is required: a UUID of 36 characters");
  } else {
    // The text itself may be anything, of any length, so it is not repeated here.
    violations.Add(
        field,
        fmt::format("is not a UUID: {} bytes that are not 32 hexadecimal digits in groups of 8-4-4-4-12", text.size()));
  }
}

}  // namespace eventstore::domain
