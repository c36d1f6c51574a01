#include "server/service/run_task_stream.h"

#include <chrono>
#include <utility>

#include "eventstore/v1/housekeeper.pb.h"
#include "server/domain/error.h"
#include "server/service/request_parser.h"
#include "server/service/status_table.h"
#include "server/service/translate_housekeeper.h"

namespace eventstore::service {
namespace {

constexpr std::chrono::milliseconds kBetweenProgress{100};

}  // namespace

std::shared_ptr<RunTaskStream> RunTaskStream::Begin(const CallBook& calls, const Admission& admission,
                                                    grpc::CallbackServerContext& context, const domain::Clock& clock) {
  const std::shared_ptr<RunTaskStream> stream(new RunTaskStream(calls, admission, context, clock));
  stream->self_ = stream;
  HandOver(stream.get());
  return stream;
}

void RunTaskStream::Ask(housekeeping::Housekeeper* housekeeper, const domain::RunRequest& request, const Ended& ended) {
  const auto end = [stream = shared_from_this(), ended](const absl::StatusOr<domain::TaskRun>& run) {
    ended(run);
    stream->End(run);
  };
  if (housekeeper == nullptr) {
    return end(domain::ErrorOf(domain::Reason::kHousekeeperOff,
                               "this instance runs without a housekeeper; ask one that has it, or start this one with "
                               "--housekeeper=true"));
  }
  housekeeping::Housekeeper::Wish wish;
  wish.task = request.task;
  wish.parameters = {request.dry_run, request.retention_days, request.from_days, request.to_days};
  wish.progress = [stream = shared_from_this()](const auto& progress) { stream->Tell(progress); };
  wish.done = end;
  wish.gone = [stream = shared_from_this()] {
    const std::scoped_lock lock(stream->mutex_);
    return stream->cancelled_;
  };
  if (absl::Status asked = housekeeper->Ask(std::move(wish)); !asked.ok()) end(asked);
}

void RunTaskStream::Tell(const housekeeping::TaskProgress& progress) {
  {
    const std::scoped_lock lock(mutex_);
    progress_ = progress;
    if (wrote_at_ && clock_.Monotonic() - *wrote_at_ < kBetweenProgress) return;
  }
  Work();
}

void RunTaskStream::End(const absl::StatusOr<domain::TaskRun>& run) {
  {
    const std::scoped_lock lock(mutex_);
    if (run.ok()) result_ = *run;
    end_ = ToGrpc(run.status());
  }
  Work();
}

void RunTaskStream::OnWriteDone(bool ok) {
  TakeOver(this);
  {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    cancelled_ = cancelled_ || !ok;
    // What came meanwhile is shown with the next.
    if (!cancelled_ && !end_) return;
  }
  Work();
}

void RunTaskStream::OnCancel() {
  TakeOver(this);
  {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
  }
  Work();
}

void RunTaskStream::Work() {
  // gRPC may be done with the stream before this returns.
  const auto keep = shared_from_this();
  std::optional<grpc::Status> finish;
  {
    const std::scoped_lock lock(mutex_);
    if (finished_ || writing_) return;
    v1::RunTaskResponse message;
    if (cancelled_) {
      finish = grpc::Status::CANCELLED;
    } else if (result_) {
      ToProto(*result_, message.mutable_result());
      result_.reset();
    } else if (end_) {
      finish = end_;
    } else if (progress_) {
      ToProto(*progress_, message.mutable_progress());
      progress_.reset();
    } else {
      return;
    }
    finished_ = finish.has_value();
    writing_ = !finished_;
    wrote_at_ = clock_.Monotonic();
    outgoing_ = Serialize(message);
  }
  HandOver(this);
  if (finish) {
    Finish(*finish);
  } else {
    StartWrite(&outgoing_);
  }
}

}  // namespace eventstore::service
