#include "server/version/version.h"

namespace eventstore {
namespace {

constexpr std::size_t kShown = 12;

}  // namespace

std::string ShortCommit(const BuildVersion& build) {
  const std::string commit = build.commit;
  if (commit.empty()) return "unknown";
  return commit.substr(0, kShown) + (build.changed ? "+" : "");
}

std::string VersionLine(const std::string& program, const BuildVersion& build) {
  std::string line = program + " " + build.version;
  if (*build.commit == '\0') return line + " (built outside of git)";
  line += " (commit " + std::string(build.commit).substr(0, kShown);
  return line + (build.changed ? ", with changes)" : ")");
}

}  // namespace eventstore
