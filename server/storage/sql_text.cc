#include "server/storage/sql_text.h"

#include <limits>

#include "fmt/chrono.h"
#include "fmt/format.h"

namespace eventstore::storage {

ArrayText::ArrayText(std::size_t reserve_bytes) {
  text_.reserve(reserve_bytes + 2);
  text_.push_back('{');
}

void ArrayText::Separate() {
  if (text_.size() > 1) text_ += ',';
}

void ArrayText::Add(std::string_view value) {
  Separate();
  text_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

void ArrayText::AddPlain(std::string_view value) {
  Separate();
  text_.append(value);
}

void ArrayText::AddPlain(std::int64_t value) { AddPlain(fmt::format_int(value).str()); }

void ArrayText::AddNull() { AddPlain("NULL"); }

std::string ArrayText::Take() {
  text_ += '}';
  return std::move(text_);
}

std::string TextArray(const std::vector<std::string>& values) {
  ArrayText array;
  for (const auto& value : values) array.Add(value);
  return array.Take();
}

std::string IdArray(const std::vector<domain::Uuid>& ids) {
  ArrayText array;
  for (const auto& id : ids) array.AddPlain(id.ToString());
  return array.Take();
}

std::vector<std::string> ParseTextArray(std::string_view text) {
  std::vector<std::string> values;
  if (text.size() <= 2) return values;
  text = text.substr(1, text.size() - 2);
  bool quoted = false;
  values.emplace_back();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      values.emplace_back();
    } else {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      values.back() += text[i];
    }
  }
  return values;
}

std::string TimestampText(domain::TimeMicros time) {
  if (time <= domain::kMinTime) return "-infinity";
  if (time > domain::kMaxTime) return "infinity";
  std::int64_t seconds = time / domain::kMicrosPerSecond;
  std::int64_t micros = time % domain::kMicrosPerSecond;
  if (micros < 0) {
    micros += domain::kMicrosPerSecond;
    --seconds;
  }
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:06}+00", fmt::gmtime(static_cast<std::time_t>(seconds)), micros);
}

}  // namespace eventstore::storage
