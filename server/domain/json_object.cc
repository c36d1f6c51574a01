#include "server/domain/json_object.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "rapidjson/error/en.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"
#include "server/domain/limits.h"
#include "server/domain/request_limits.h"

namespace eventstore::domain {
namespace {

// PostgreSQL's numeric keeps at most so many digits after the point.
constexpr std::int64_t kMaxFractionDigits = 16'383;
// Of the largest double, 1.797…e308.
constexpr std::int64_t kMaxIntegerDigits = std::numeric_limits<double>::max_exponent10 + 1;

constexpr char kBeyondDouble[] = "has a number that no double can hold, beyond 1.797e308";

struct NumberShape {
  std::int64_t integer_digits = 0;
  std::int64_t fraction_digits = 0;
  bool negative = false;
};

// `text` is a JSON number. False: its exponent is out of bounds.
bool MeasureNumber(std::string_view text, NumberShape& shape) {
  shape.negative = text.front() == '-';
  if (shape.negative) text.remove_prefix(1);

  int exponent = 0;
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (digits.front() == '+') digits.remove_prefix(1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (parsed.ec != std::errc{} || exponent > kMaxJsonExponent || exponent < -kMaxJsonExponent) return false;
    text = text.substr(0, e);
  }

  const std::size_t point = text.find('.');
  const std::size_t integer = point == std::string_view::npos ? text.size() : point;
  const std::size_t fraction = point == std::string_view::npos ? 0 : text.size() - point - 1;
  // An exponent moves the point; numeric keeps the digits it passes over, and fills up with zeros.
  shape.integer_digits = static_cast<std::int64_t>(integer) + exponent;
  shape.fraction_digits = static_cast<std::int64_t>(fraction) - exponent;
  shape.integer_digits = std::max(shape.integer_digits, std::int64_t{1});
  shape.fraction_digits = std::max(shape.fraction_digits, std::int64_t{0});
  return true;
}

bool IsBeyondDouble(std::string_view text, const NumberShape& shape) {
  if (shape.integer_digits != kMaxIntegerDigits) return shape.integer_digits > kMaxIntegerDigits;
  double value = 0;
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc::result_out_of_range;
}

// Measures what the parser finds, and stops it (by returning false) at what the grammar allows and we do not.
class Inspector {
 public:
  using Ch = char;
  using SizeType = rapidjson::SizeType;

  Inspector(int max_depth, std::string_view reserved) : max_depth_(max_depth), reserved_(reserved) {}

  std::size_t normal_bytes() const { return normal_bytes_; }
  // Why the parser was stopped; completes "<field> ...". Empty: it was not.
  const std::string& refusal() const { return refusal_; }

  bool Null() { return Value(4); }
  bool Bool(bool value) { return Value(value ? 4 : 5); }

  bool RawNumber(const Ch* text, SizeType length, bool /*copy*/) {
    const std::string_view number(text, length);
    NumberShape shape;
    if (!MeasureNumber(number, shape)) {
      return Refuse(fmt::format("has a number with an exponent outside -{0} to {0}", kMaxJsonExponent));
    }
    if (IsBeyondDouble(number, shape)) return Refuse(kBeyondDouble);
    if (shape.fraction_digits > kMaxFractionDigits) {
      return Refuse(fmt::format("has a number with more than {} digits after the point", kMaxFractionDigits));
    }
    const std::int64_t point = shape.fraction_digits > 0 ? 1 : 0;
    const std::int64_t sign = shape.negative ? 1 : 0;
    return Value(static_cast<std::size_t>(sign + shape.integer_digits + point + shape.fraction_digits));
  }

  bool String(const Ch* text, SizeType length, bool /*copy*/) {
    return Text(std::string_view(text, length)) && Value(0);
  }
  bool Key(const Ch* text, SizeType length, bool /*copy*/) {
    const std::string_view key(text, length);
    if (depth_ == 1 && !reserved_.empty() && key == reserved_) {
      return Refuse(fmt::format("has a member \"{}\", which is the server's to write", std::string(reserved_)));
    }
    return Text(key);
  }

  bool StartObject() { return Open(); }
  bool EndObject(SizeType members) {
    constexpr std::size_t kColonAndSpace = 2;
    normal_bytes_ += members * kColonAndSpace;
    return Close(members);
  }

  bool StartArray() { return depth_ > 0 ? Open() : RefuseTop(); }
  bool EndArray(SizeType elements) { return Close(elements); }

  // Numbers come as RawNumber; the parser's template wants these all the same.
  bool Int(int /*unused*/) { return false; }
  bool Uint(unsigned /*unused*/) { return false; }
  bool Int64(std::int64_t /*unused*/) { return false; }
  bool Uint64(std::uint64_t /*unused*/) { return false; }
  bool Double(double /*unused*/) { return false; }

 private:
  bool Refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }
  bool RefuseTop() { return Refuse("is JSON, but not an object such as {}"); }

  bool Value(std::size_t bytes) {
    if (depth_ == 0) return RefuseTop();
    normal_bytes_ += bytes;
    return true;
  }

  bool Open() {
    if (depth_ == max_depth_) {
      return Refuse(fmt::format("is nested deeper than {} levels (setting {})", max_depth_, kMaxJsonDepthSetting));
    }
    ++depth_;
    return true;
  }

  bool Close(SizeType entries) {
    constexpr std::size_t kBrackets = 2;
    constexpr std::size_t kCommaAndSpace = 2;
    --depth_;
    normal_bytes_ += kBrackets + (entries > 0 ? (entries - 1) * kCommaAndSpace : 0);
    return true;
  }

  bool Text(std::string_view text) {
    constexpr std::size_t kQuotes = 2;
    constexpr std::string_view kShortEscapes = "\"\\\b\f\n\r\t";
    normal_bytes_ += kQuotes + text.size();
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte == 0) return Refuse(R"(has "\u0000" in a text, which PostgreSQL cannot store)");
      if (kShortEscapes.find(text[i]) != std::string_view::npos) {
        normal_bytes_ += 1;
      } else if (byte < 0x20) {
        constexpr std::size_t kLongEscape = 6;  // \u001f
        normal_bytes_ += kLongEscape - 1;
      } else if (byte == 0xed && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) >= 0xa0) {
        // The parser has checked the encoding of the text itself, but lets "\udc00" pass when nothing precedes it.
        return Refuse("has half of a surrogate pair (\\ud800 to \\udfff) alone in a text");
      }
    }
    return true;
  }

  const int max_depth_;
  const std::string_view reserved_;
  std::size_t normal_bytes_ = 0;
  int depth_ = 0;
  std::string refusal_;
};

}  // namespace

absl::StatusOr<JsonFacts> InspectJsonObject(std::string_view text, int max_depth, std::string_view reserved) {
  // The parser takes a NUL byte for the end of the text.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format("holds a NUL byte at byte {}, which PostgreSQL cannot store", nul));
  }
  if (text.size() > std::numeric_limits<rapidjson::SizeType>::max()) {
    return absl::InvalidArgumentError("is larger than 4 GiB");
  }

  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream input(text.data(), text.size());
  rapidjson::Reader reader;
  Inspector inspector(max_depth, reserved);
  const rapidjson::ParseResult result = reader.Parse<kFlags>(input, inspector);
  if (!inspector.refusal().empty()) return absl::InvalidArgumentError(inspector.refusal());
  if (result.Code() == rapidjson::kParseErrorNumberTooBig) return absl::InvalidArgumentError(kBeyondDouble);
  if (result.IsError()) {
    std::string problem = rapidjson::GetParseError_En(result.Code());
    if (problem.back() == '.') problem.pop_back();
    return absl::InvalidArgumentError(fmt::format("is not JSON: {} at byte {}", problem, result.Offset()));
  }
  return JsonFacts{inspector.normal_bytes()};
}

}  // namespace eventstore::domain
