#include <sys/mman.h>
#include <unistd.h>

#include "fmt/format.h"
#include "server/domain/validation.h"
#include "server/settings/settings.h"
#include "tests/fuzz/targets.h"

namespace eventstore::fuzz {
namespace {

// A file that is only in memory.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& text) : file_(memfd_create("config", MFD_CLOEXEC)) {
    const ssize_t written = write(file_, text.data(), text.size());
    whole_ = written == static_cast<ssize_t>(text.size());
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  bool whole() const { return whole_; }
  std::string path() const { return fmt::format("/proc/self/fd/{}", file_); }

 private:
  int file_;
  bool whole_ = false;
};

absl::StatusOr<settings::Command> Printed(const std::string& path) {
  return settings::ParseCommandLine({"--config", path, "--print-config"}, {});
}

// Settings as printed, without where they come from.
std::string Values(const std::string& printed) {
  std::string values;
  std::size_t begin = 0;
  while (begin < printed.size()) {
    const std::size_t end = std::min(printed.find('\n', begin), printed.size());
    const std::string line = printed.substr(begin, end - begin);
    const bool of_itself = line.find("/proc/self/fd/") != std::string::npos && line.starts_with("# config");
    if (!of_itself) values += line.substr(0, line.rfind(" # ")) + "\n";
    begin = end + 1;
  }
  return values;
}

}  // namespace

std::string CheckConfig(const std::string& input) {
  const MemoryFile file(input);
  if (!file.whole()) return "no memory for a file";
  const auto printed = Printed(file.path());
  if (!printed.ok()) {
    if (printed.status().message().empty()) return "refused without a word";
    return "";
  }
  // What --print-config prints is a config file, and one that means the same.
  const MemoryFile second(printed->text);
  const auto again = Printed(second.path());
  if (!again.ok()) return fmt::format("what it prints is refused: {}", std::string(again.status().message()));
  return Values(again->text) == Values(printed->text) ? "" : "what it prints means something else";
}

}  // namespace eventstore::fuzz
