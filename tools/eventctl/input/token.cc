#include "tools/eventctl/input/token.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace eventstore::eventctl {
namespace {

constexpr char kSpace[] = " \t\r\n";

}  // namespace

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad()) {
    return absl::InvalidArgumentError(fmt::format("the token file {} cannot be read; check --token-file", path));
  }
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return absl::InvalidArgumentError(fmt::format("the token file {} is empty", path));
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  if (text.find_first_of(kSpace) != std::string::npos) {
    return absl::InvalidArgumentError(fmt::format("the token file {} holds more than a key or token", path));
  }
  return text;
}

client::TokenProvider TokenFrom(const std::string& path) {
  if (!path.empty()) return [path] { return ReadToken(path).value_or(""); };
  const char* const token = std::getenv("EVENTSTORE_TOKEN");
  if (token == nullptr || *token == '\0') return nullptr;
  return [text = std::string(token)] { return text; };
}

}  // namespace eventstore::eventctl
