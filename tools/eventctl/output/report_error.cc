#include "tools/eventctl/output/report_error.h"

#include <fmt/format.h>

#include "eventstore/errors.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

std::string TextOf(const client::VersionConflict::Conflict& conflict) {
  return fmt::format("{}aggregate {} is at version {}, expected {}",
                     conflict.field.empty() ? "" : conflict.field + ": ", conflict.aggregate_id, conflict.actual,
                     conflict.expected ? std::to_string(*conflict.expected) : "that it exists");
}

std::string NextStep(const Context& context, const absl::Status& status) {
  if (const auto conflict = client::AsVersionConflict(status)) {
    const auto& first = conflict->conflicts.front();
    return fmt::format(
        "see what was appended meanwhile with `eventctl stream {}`, then append with "
        "--expected-version {} if it still holds",
        first.aggregate_id, first.actual);
  }
  const std::string reason = client::ErrorReason(status);
  if (reason == "GROUP_NOT_FOUND")
    return "see which there are with `eventctl groups`, or make it with `eventctl groups create`";
  if (reason == "TASK_NOT_FOUND") return "see which there are with `eventctl housekeeper tasks`";
  if (reason == "GROUP_EXISTS") {
    return "compare with `eventctl groups show`; change it with `eventctl groups update`, or take another name";
  }
  if (reason == "POSITION_AHEAD") {
    return "this store is in an earlier state than the position is of; begin from an earlier one, or with --from "
           "beginning";
  }
  if (reason == "EVENTS_DROPPED") {
    return "read what is left with --from beginning, or bring it back with `eventctl archive restore`";
  }
  if (reason.starts_with("CREDENTIALS_")) {
    return "give a key or token with --token-file FILE or EVENTSTORE_TOKEN; `eventctl auth new-key` makes keys";
  }
  if (reason.starts_with("ARCHIVE_")) return "see what there is with `eventctl archive verify`";
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      // With a reason somebody was there to answer.
      if (!reason.empty()) return "try again in a moment";
      return fmt::format("is the server running at {}? Give another address with --server or EVENTSTORE_SERVER",
                         context.server);
    case absl::StatusCode::kDeadlineExceeded:
      return "give it longer with --timeout SECONDS; an append may have been written: repeat it with the same --id";
    case absl::StatusCode::kUnknown:
      return "it may have been written: repeat it with the same --id, that cannot write it twice";
    case absl::StatusCode::kResourceExhausted:
      return "the server has too much to do; try again in a moment";
    case absl::StatusCode::kAlreadyExists:
      return "leave --id out to append a new event, or repeat the first append unchanged";
    case absl::StatusCode::kUnimplemented:
      return "this server is older than this eventctl; compare `eventctl --version`";
    default:
      return "";
  }
}

std::string ErrorJson(const std::string& doing, const absl::Status& status) {
  JsonObject error;
  error.Add("doing", doing)
      .Add("code", absl::StatusCodeToString(status.code()))
      .AddOrNull("reason", client::ErrorReason(status))
      .Add("message", std::string(status.message()));
  JsonObject metadata;
  for (const auto& [name, value] : client::ErrorMetadata(status)) metadata.Add(name, value);
  error.AddRaw("metadata", metadata.Text());
  error.AddRaw("field_violations", JsonArray(client::FieldViolations(status), [](const auto& violation) {
                 return JsonObject().Add("field", violation.field).Add("description", violation.description).Text();
               }));
  if (const auto conflict = client::AsVersionConflict(status)) {
    error.AddRaw("conflicts", JsonArray(conflict->conflicts, [](const auto& one) {
                   JsonObject object;
                   object.AddOrNull("field", one.field).Add("aggregate_id", one.aggregate_id);
                   if (one.expected) {
                     object.Add("expected_version", *one.expected);
                   } else {
                     object.Add("expected_version", "existing");
                   }
                   return object.Add("actual_version", one.actual).Text();
                 }));
  }
  return JsonObject().AddRaw("error", error.Text()).Text();
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  if (client::AsVersionConflict(status) || client::ErrorReason(status) == "STATUS_CONFLICT") return kConflict;
  for (const char* reason :
       {"GROUP_NOT_FOUND", "TASK_NOT_FOUND", "TASK_RUNNING", "RECORD_NOT_FOUND", "TABLE_NOT_TRACKED"}) {
    if (client::ErrorReason(status) == reason) return kNegative;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kOk;
    case absl::StatusCode::kInvalidArgument:
      return kUsage;
    case absl::StatusCode::kUnavailable:
      return kUnreachable;
    default:
      return kFailed;
  }
}

ExitCode ReportError(Context& context, const std::string& doing, const absl::Status& status) {
  context.out.flush();
  context.exit_code = ExitCodeOf(status);
  if (context.json) {
    context.err << ErrorJson(doing, status) << '\n';
    return context.exit_code;
  }
  const Style style = context.err_style();
  const std::string reason = client::ErrorReason(status);
  context.err << style.Red("error")
              << fmt::format(": could not {}: {}\n", doing, Printable(std::string(status.message())));
  context.err << fmt::format("  reason: {}\n", reason.empty() ? absl::StatusCodeToString(status.code()) : reason);
  for (const auto& violation : client::FieldViolations(status)) {
    context.err << fmt::format("  field {}: {}\n", Printable(violation.field), Printable(violation.description));
  }
  if (const auto conflict = client::AsVersionConflict(status); conflict && conflict->conflicts.size() > 1) {
    for (const auto& one : conflict->conflicts) context.err << "  " << Printable(TextOf(one)) << '\n';
  }
  if (const std::string next = NextStep(context, status); !next.empty()) context.err << "  next: " << next << '\n';
  return context.exit_code;
}

ExitCode ReportUsage(Context& context, const std::string& message) {
  context.exit_code = kUsage;
  if (context.json) {
    const std::string error = JsonObject().Add("code", "USAGE").Add("message", message).Text();
    context.err << JsonObject().AddRaw("error", error).Text() << '\n';
  } else {
    context.err << context.err_style().Red("error") << ": " << message << '\n';
  }
  return kUsage;
}

void Hint(Context& context, const std::string& text) {
  if (!context.json) context.err << context.err_style().Dim(text) << '\n';
}

}  // namespace eventstore::eventctl
