#include "tests/support/store_dump.h"

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/embedded/private_postgres.h"
#include "server/embedded/process.h"
#include "server/storage/session.h"
#include "tests/support/test_engine.h"

namespace eventstore::testing {
namespace {

absl::Status RunProgram(std::vector<std::string> argv, const std::string& folder) {
  const auto programs = embedded::FindPostgresBinaries();
  if (!programs.ok()) return programs.status();
  argv.front() = *programs + "/" + argv.front();
  embedded::ChildSpec child;
  child.argv = std::move(argv);
  child.directory = folder;
  const auto result = embedded::RunToEnd(child);
  if (!result.ok()) return result.status();
  if (result->exit_code == 0) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("{}: exit code {}: {}", child.argv.front(), result->exit_code, result->output));
}

}  // namespace

absl::Status DumpStore(const std::string& conninfo, const std::string& folder, const std::string& file) {
  return RunProgram({"pg_dump", "--format=custom", "--file=" + folder + "/" + file, "--dbname=" + conninfo}, folder);
}

absl::Status RestoreStore(const std::string& conninfo, const std::string& folder, const std::string& file) {
  storage::Session session(conninfo, "restore");
  if (!OnNative()) {
    auto done = session.RunScript("CREATE EXTENSION timescaledb; SELECT timescaledb_pre_restore()");
    if (!done.ok()) return done.status();
    session.Disconnect();
  }
  absl::Status restored =
      RunProgram({"pg_restore", "--no-owner", "--no-privileges", "--dbname=" + conninfo, folder + "/" + file}, folder);
  if (!restored.ok()) return restored;
  return session.RunScript(OnNative() ? "ANALYZE" : "SELECT timescaledb_post_restore(); ANALYZE").status();
}

}  // namespace eventstore::testing
