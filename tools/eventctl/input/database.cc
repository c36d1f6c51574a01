#include "tools/eventctl/input/database.h"

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "server/domain/error.h"
#include "server/embedded/private_postgres.h"
#include "server/moving/move_refused.h"
#include "server/settings/settings.h"

namespace eventstore::eventctl {

void DatabaseFlags::AddTo(CLI::App& command) {
  command.add_option("--database", url, "PostgreSQL URL or connection string")->option_text("URL");
  command.add_option("--data-dir", data_dir, "Data folder of a running eventstored")->option_text("DIR");
}

absl::StatusOr<std::string> FindDatabase(const DatabaseFlags& flags) {
  if (!flags.url.empty()) return flags.url;
  if (!flags.data_dir.empty()) return embedded::ConninfoOf(flags.data_dir);
  const auto command = settings::ParseCommandLine({}, settings::ProcessEnvironment());
  if (!command.ok()) return command.status();
  if (!command->settings.database_url.empty()) return command->settings.database_url;
  return embedded::ConninfoOf(command->settings.data_dir);
}

absl::Status AsIfFromServer(const absl::Status& status) {
  if (status.ok()) return status;
  // Of eventctl alone, so there is no such reason in the API.
  const bool refused = moving::IsMoveRefused(status);
  const domain::Error error = domain::FromStatus(status);
  google::rpc::ErrorInfo info;
  info.set_domain("eventstore.v1");
  info.set_reason(refused ? "MOVE_REFUSED" : std::string(domain::ReasonName(error.reason)));
  info.mutable_metadata()->insert(error.metadata.begin(), error.metadata.end());
  absl::Status result(status.code(), status.message());
  result.SetPayload("type.googleapis.com/google.rpc.ErrorInfo", absl::Cord(info.SerializeAsString()));
  return result;
}

}  // namespace eventstore::eventctl
