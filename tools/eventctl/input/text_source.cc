#include "tools/eventctl/input/text_source.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace eventstore::eventctl {
namespace {

std::string ReadAll(std::istream& stream) { return {std::istreambuf_iterator<char>(stream), {}}; }

}  // namespace

absl::StatusOr<std::string> TextFrom(const std::string& argument, std::istream& input) {
  if (argument == "-") return ReadAll(input);
  if (!argument.starts_with('@')) return argument;
  const std::string path = argument.substr(1);
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InvalidArgumentError("cannot read " + path + ": " + std::strerror(errno));
  return ReadAll(file);
}

}  // namespace eventstore::eventctl
