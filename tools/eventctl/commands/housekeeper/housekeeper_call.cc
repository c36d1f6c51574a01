#include "tools/eventctl/commands/housekeeper/housekeeper_call.h"

#include <fmt/format.h>

#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/run_text.h"

namespace eventstore::eventctl {
namespace {

constexpr std::chrono::milliseconds kPatience{30'000};

// How fast it goes and how long it will take, from where this total began.
class Pace {
 public:
  std::string Text(const v1::RunTaskResponse::Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (progress.total() != total_ || progress.done() < first_) {
      total_ = progress.total();
      first_ = progress.done();
      began_ = now;
    }
    if (progress.total() == 0 && progress.done() == 0) return progress.doing();
    std::string text = progress.doing() + ": " + WithThousands(progress.done());
    if (progress.total() > 0) text += "/" + WithThousands(progress.total());
    const double seconds = std::chrono::duration<double>(now - began_).count();
    const auto done = static_cast<double>(progress.done() - first_);
    if (seconds < 0.5 || done <= 0) return text;
    text += fmt::format(", {:.1f}/s", done / seconds);
    if (progress.total() > 0) {
      const double left = static_cast<double>(progress.total() - progress.done()) * seconds / done;
      text += fmt::format(", {} left", FormatDuration(std::chrono::seconds(static_cast<std::int64_t>(left) + 1)));
    }
    return text;
  }

 private:
  std::int64_t total_ = -1;
  std::int64_t first_ = 0;
  std::chrono::steady_clock::time_point began_;
};

std::chrono::milliseconds PatienceOf(const Context& context) {
  return CallOptionsOf(context).timeout.value_or(kPatience);
}

}  // namespace

HousekeeperCalls::HousekeeperCalls(const Context& context)
    : stub_(v1::Housekeeper::NewStub(MakeChannel(context))),
      patience_(PatienceOf(context)),
      patience_given_(context.timeout_seconds > 0) {}

absl::StatusOr<v1::TaskRun> HousekeeperCalls::Run(
    const v1::RunTaskRequest& request, Interrupt& interrupt,
    const std::function<void(const v1::RunTaskResponse::Progress&)>& progress) const {
  grpc::ClientContext call;
  if (patience_given_) call.set_deadline(std::chrono::system_clock::now() + patience_);
  interrupt.SetAction([&call] { call.TryCancel(); });
  const auto stream = stub_->RunTask(&call, request);
  v1::RunTaskResponse message;
  absl::StatusOr<v1::TaskRun> run = absl::InternalError("the server ended the call without a result");
  while (stream->Read(&message)) {
    if (message.has_progress()) progress(message.progress());
    if (message.has_result()) run = message.result();
  }
  const absl::Status status = client::internal::FromGrpc(stream->Finish());
  interrupt.SetAction(nullptr);
  if (!status.ok()) return status;
  return run;
}

ExitCode RunTaskToEnd(Context& context, const v1::RunTaskRequest& request, Interrupt& interrupt) {
  ProgressLine line(context.err, context.err_terminal, !context.json);
  Pace pace;
  const auto run =
      HousekeeperCalls(context).Run(request, interrupt, [&](const v1::RunTaskResponse::Progress& progress) {
        const double share =
            progress.total() > 0 ? static_cast<double>(progress.done()) / static_cast<double>(progress.total()) : -1;
        line.Show(share, pace.Text(progress));
      });
  line.End();
  if (!run.ok() && run.status().code() == absl::StatusCode::kCancelled) {
    Hint(context, "interrupted; the server ends the run after the step at hand");
    return context.exit_code = kInterrupted;
  }
  if (!run.ok()) return ReportError(context, "run " + request.task(), run.status());
  if (context.json) {
    context.out << RunJson(*run) << '\n';
  } else {
    PrintRun(context, *run);
  }
  const bool done = run->status() == v1::RUN_STATUS_SUCCEEDED || run->status() == v1::RUN_STATUS_SKIPPED;
  return context.exit_code = done ? kOk : kFailed;
}

}  // namespace eventstore::eventctl
