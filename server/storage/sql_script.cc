#include "server/storage/sql_script.h"

#include <array>
#include <cstddef>

namespace eventstore::storage {
namespace {

// ASCII only: SQL keywords are, and the locale must not matter. Bytes above 127 belong to names.
bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool IsWordPart(char c) { return IsWordStart(c) || (c >= '0' && c <= '9') || c == '$'; }

std::string Upper(std::string_view word) {
  std::string upper(word);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

// Every Skip… takes the place where its token begins and returns the place after it; an unfinished token ends the text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<std::string> Starts() {
    while (at_ < text_.size()) Step();
    EndStatement();
    return std::move(starts_);
  }

 private:
  void Step() {
    const char c = text_[at_];
    if (text_.substr(at_, 2) == "--") {
      at_ = After("\n", at_);
    } else if (text_.substr(at_, 2) == "/*") {
      SkipBlockComment();
    } else if (c == '\'' || c == '"') {
      SkipQuoted(c, /*backslash_escapes=*/false);
    } else if (c == '$') {
      SkipDollarQuoted();
    } else if (IsWordStart(c)) {
      TakeWord();
    } else {
      if (c == '(') ++depth_;
      if (c == ')') --depth_;
      // A rule's actions stand in parentheses with semicolons between them.
      if (c == ';' && depth_ == 0) EndStatement();
      ++at_;
    }
  }

  std::size_t After(std::string_view what, std::size_t from) const {
    const std::size_t found = text_.find(what, from);
    return found == std::string_view::npos ? text_.size() : found + what.size();
  }

  // Comments nest in SQL.
  void SkipBlockComment() {
    int depth = 0;
    do {
      if (text_.substr(at_, 2) == "/*") {
        ++depth;
        at_ += 2;
      } else if (text_.substr(at_, 2) == "*/") {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < text_.size());
  }

  // A doubled quote ends one string and begins the next, which comes to the same.
  void SkipQuoted(char quote, bool backslash_escapes) {
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (backslash_escapes && text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  void SkipDollarQuoted() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && IsWordPart(text_[end]) && text_[end] != '$') ++end;
    const bool is_tag = end < text_.size() && text_[end] == '$';
    at_ = is_tag ? After(text_.substr(at_, end + 1 - at_), end + 1) : at_ + 1;
  }

  void TakeWord() {
    std::size_t end = at_;
    while (end < text_.size() && IsWordPart(text_[end])) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    at_ = end;
    if (at_ < text_.size() && text_[at_] == '\'' && (word == "E" || word == "e")) {
      SkipQuoted('\'', /*backslash_escapes=*/true);
      return;
    }
    if (words_ < 2) start_ += (words_ == 0 ? "" : " ") + Upper(word);
    ++words_;
  }

  void EndStatement() {
    if (words_ > 0) starts_.push_back(start_);
    start_.clear();
    words_ = 0;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int words_ = 0;
  std::string start_;
  std::vector<std::string> starts_;
};

}  // namespace

std::vector<std::string> StatementStarts(std::string_view script) { return Scanner(script).Starts(); }

std::string FindTransactionControl(std::string_view script) {
  static constexpr std::array<std::string_view, 8> kVerbs{"BEGIN",    "START", "COMMIT",    "END",
                                                          "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"};
  for (const std::string& start : StatementStarts(script)) {
    if (start == "PREPARE TRANSACTION") return start;
    const std::string verb = start.substr(0, start.find(' '));
    for (const std::string_view control : kVerbs) {
      if (verb == control) return start;
    }
  }
  return "";
}

}  // namespace eventstore::storage
