#include "server/embedded/binaries.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/embedded/private_postgres.h"
#include "server/embedded/process.h"

namespace eventstore::embedded {
namespace {

namespace fs = std::filesystem;

bool HasServer(const fs::path& bin) {
  return access((bin / "postgres").c_str(), X_OK) == 0 && access((bin / "initdb").c_str(), X_OK) == 0;
}

bool HasTimescale(const fs::path& bin) { return access((bin / "../lib/timescaledb.so").c_str(), R_OK) == 0; }

// Every <parent>/<entry>/bin that has both, the highest version first ("pg17" before "pg16", "17" before "9").
std::vector<std::string> Below(const fs::path& parent) {
  std::vector<std::pair<int, std::string>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    std::error_code unreadable;
    const fs::path bin = fs::canonical(entry.path() / "bin", unreadable);
    if (unreadable || !HasServer(bin) || !HasTimescale(bin)) continue;
    const std::string name = entry.path().filename().string();
    const auto digit = name.find_first_of("0123456789");
    found.emplace_back(digit == std::string::npos ? 0 : std::atoi(name.c_str() + digit), bin.string());
  }
  std::ranges::sort(found, std::greater<>());
  std::vector<std::string> folders;
  folders.reserve(found.size());
  for (auto& [version, folder] : found) folders.push_back(std::move(folder));
  return folders;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<fs::path> Parents() {
  std::vector<fs::path> parents;
  if (geteuid() != 0) {
    if (const auto cache = Variable("XDG_CACHE_HOME"); !cache.empty()) {
      parents.push_back(fs::path(cache) / "eventstore");
    } else if (const auto home = Variable("HOME"); !home.empty()) {
      parents.push_back(fs::path(home) / ".cache/eventstore");
    }
  }
  parents.emplace_back("/var/cache/eventstore");
  parents.emplace_back("/usr/lib/postgresql");
  return parents;
}

}  // namespace

std::vector<std::string> CandidateBinaries() {
  if (const auto chosen = Variable("EVENTSTORE_PG_BIN"); !chosen.empty()) return {chosen};
  std::vector<std::string> all;
  for (const auto& parent : Parents()) {
    for (auto& folder : Below(parent)) all.push_back(std::move(folder));
  }
  return all;
}

absl::StatusOr<int> MajorVersionOf(const std::string& bin_dir) {
  const auto shown = RunToEnd({.argv = {bin_dir + "/postgres", "--version"}, .directory = "/"});
  if (!shown.ok()) return shown.status();
  // "postgres (PostgreSQL) 17.4 (Debian 17.4-1)"
  const auto at = shown->output.find(") ");
  const int major = at == std::string::npos ? 0 : std::atoi(shown->output.c_str() + at + 2);
  if (shown->exit_code != 0 || major == 0) {
    return absl::FailedPreconditionError(fmt::format("{}/postgres does not run: {}", bin_dir, shown->output));
  }
  return major;
}

absl::StatusOr<std::string> FindPostgresBinaries(int major) {
  const auto candidates = CandidateBinaries();
  if (candidates.empty()) {
    std::vector<std::string> places;
    for (const auto& parent : Parents()) places.push_back((parent / "*/bin").string());
    return absl::NotFoundError(
        fmt::format("no PostgreSQL with TimescaleDB found (looked in {}): run tools/setup/postgres.sh, set "
                    "EVENTSTORE_PG_BIN to a folder that "
                    "holds the programs, or set DATABASE_URL to use a database of your own",
                    fmt::join(places, ", ")));
  }
  if (!HasServer(candidates.front())) {  // only EVENTSTORE_PG_BIN comes unchecked
    return absl::NotFoundError(
        fmt::format("EVENTSTORE_PG_BIN is {}, but there is no postgres and initdb that can be run: point it to the "
                    "folder that holds them",
                    candidates.front()));
  }
  for (const auto& folder : candidates) {
    if (major == 0) return folder;
    const auto found = MajorVersionOf(folder);
    if (found.ok() && *found == major) return folder;
  }
  return candidates.front();
}

absl::StatusOr<std::string> FindPostgresBinaries() { return FindPostgresBinaries(0); }

}  // namespace eventstore::embedded
