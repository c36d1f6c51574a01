#include "server/domain/erasure/json_places.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"

namespace eventstore::domain::erasure {
namespace {

enum class Kind { kScalar, kText, kKey, kOpenObject, kOpenArray, kClose };

struct Token {
  Kind kind;
  std::size_t begin;
  std::size_t end;
  // Of a key or text, without quotes; the digits of a number.
  std::string value;
  bool is_number = false;
};

// What the reader calls. It tells where it is, which is behind a scalar and before a bracket.
class Collector {
 public:
  Collector(std::string_view text, const rapidjson::MemoryStream& stream) : text_(text), stream_(stream) {}

  bool Null() { return Scalar(Kind::kScalar, {}); }
  bool Bool(bool) { return Scalar(Kind::kScalar, {}); }
  bool RawNumber(const char* digits, rapidjson::SizeType size, bool) {
    Scalar(Kind::kScalar, {digits, size});
    tokens_.back().is_number = true;
    return true;
  }
  bool Int(int) { return Scalar(Kind::kScalar, {}); }
  bool Uint(unsigned) { return Scalar(Kind::kScalar, {}); }
  bool Int64(std::int64_t) { return Scalar(Kind::kScalar, {}); }
  bool Uint64(std::uint64_t) { return Scalar(Kind::kScalar, {}); }
  bool Double(double) { return Scalar(Kind::kScalar, {}); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return Scalar(Kind::kText, {text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return Scalar(Kind::kKey, {text, size}); }
  bool StartObject() { return Bracket(Kind::kOpenObject); }
  bool StartArray() { return Bracket(Kind::kOpenArray); }
  bool EndObject(rapidjson::SizeType) { return Bracket(Kind::kClose); }
  bool EndArray(rapidjson::SizeType) { return Bracket(Kind::kClose); }

  std::vector<Token> Take() { return std::move(tokens_); }

 private:
  std::size_t Begin() const {
    std::size_t begin = tokens_.empty() ? 0 : tokens_.back().end;
    while (begin < text_.size() && std::string_view(" \t\r\n,:").find(text_[begin]) != std::string_view::npos) ++begin;
    return begin;
  }
  bool Scalar(Kind kind, std::string_view value) {
    const std::size_t begin = Begin();
    tokens_.push_back({kind, begin, stream_.Tell(), std::string(value)});
    return true;
  }
  bool Bracket(Kind kind) {
    const std::size_t begin = Begin();
    tokens_.push_back({kind, begin, begin + 1, {}});
    return true;
  }

  const std::string_view text_;
  const rapidjson::MemoryStream& stream_;
  std::vector<Token> tokens_;
};

// None when it is no JSON. Without recursion: no input can overflow the stack.
std::vector<Token> TokensOf(std::string_view text) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  Collector collector(text, stream);
  rapidjson::Reader reader;
  if (!reader.Parse < rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag > (stream, collector))
    return {};
  return collector.Take();
}

bool Opens(const Token& token) { return token.kind == Kind::kOpenObject || token.kind == Kind::kOpenArray; }

// The containers that are open, each with the member or entry that it is at.
class Way {
 public:
  void Open(bool array) { steps_.push_back({array, 0, {}}); }
  void Close() { steps_.pop_back(); }
  void At(std::string key) { steps_.back().key = std::move(key); }
  std::size_t depth() const { return steps_.size(); }

  // Before a value, and after it.
  void Enter() {
    if (!steps_.empty() && steps_.back().array) steps_.back().key = fmt::format("{}", steps_.back().index++);
  }

  bool Is(const Path& path) const {
    return path.size() == steps_.size() &&
           std::ranges::equal(path, steps_, [](const std::string& segment, const Step& step) {
             return segment == "*" || segment == step.key;
           });
  }

  std::string Pointer() const {
    std::string pointer;
    for (const Step& step : steps_) {
      pointer += '/';
      for (const char c : step.key) {
        if (c == '~' || c == '/') {
          pointer += c == '~' ? "~0" : "~1";
        } else {
          pointer += c;
        }
      }
    }
    return pointer;
  }

 private:
  struct Step {
    bool array;
    std::size_t index;
    std::string key;
  };
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Place> FindValues(std::string_view text, const std::vector<const Path*>& paths) {
  std::vector<Place> found;
  Way way;
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t within = kNone;  // depth of the container that is found as a whole
  for (const Token& token : TokensOf(text)) {
    if (token.kind == Kind::kKey) {
      way.At(token.value);
      continue;
    }
    if (token.kind == Kind::kClose) {
      way.Close();
      if (within == way.depth()) {
        found.back().end = token.end;
        within = kNone;
      }
      continue;
    }
    way.Enter();
    if (within == kNone) {
      const auto path = std::ranges::find_if(paths, [&](const Path* one) { return way.Is(*one); });
      if (path != paths.end()) {
        found.push_back({token.begin, token.end, way.Pointer(), static_cast<std::size_t>(path - paths.begin())});
        if (Opens(token)) within = way.depth();
      }
    }
    if (Opens(token)) way.Open(token.kind == Kind::kOpenArray);
  }
  return found;
}

std::optional<std::string> ScalarAt(std::string_view text, const Path& path) {
  std::optional<std::string> found;
  Way way;
  for (const Token& token : TokensOf(text)) {
    if (token.kind == Kind::kKey) {
      way.At(token.value);
    } else if (token.kind == Kind::kClose) {
      way.Close();
    } else {
      way.Enter();
      if (way.Is(path)) {
        found.reset();
        if (token.kind == Kind::kText || token.is_number) found = token.value;
      }
      if (Opens(token)) way.Open(token.kind == Kind::kOpenArray);
    }
  }
  return found;
}

std::vector<Wrapped> FindWrapped(std::string_view text, std::string_view key) {
  std::vector<Wrapped> found;
  Way way;
  // Of the object that was opened last.
  std::size_t begin = 0;
  bool only_key = false;
  std::optional<std::string> value;
  for (const Token& token : TokensOf(text)) {
    if (token.kind == Kind::kKey) {
      // One more member than the first.
      only_key = only_key && !value && token.value == key;
      way.At(token.value);
    } else if (token.kind == Kind::kClose) {
      way.Close();
      if (only_key && value) found.push_back({{begin, token.end, way.Pointer(), 0}, *std::move(value)});
      only_key = false;
    } else {
      way.Enter();
      if (Opens(token)) {
        begin = token.begin;
        only_key = token.kind == Kind::kOpenObject;
        value.reset();
        way.Open(token.kind == Kind::kOpenArray);
      } else if (token.kind == Kind::kText && only_key) {
        value = token.value;
      } else {
        only_key = false;
      }
    }
  }
  return found;
}

std::string Replaced(std::string_view text, const std::vector<Replacement>& replacements) {
  std::string result;
  std::size_t at = 0;
  for (const Replacement& replacement : replacements) {
    result += text.substr(at, replacement.begin - at);
    result += replacement.text;
    at = replacement.end;
  }
  result += text.substr(at);
  return result;
}

}  // namespace eventstore::domain::erasure
