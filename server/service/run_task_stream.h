// One RunTask call: what the housekeeper tells of a run becomes messages, at most ten a second, the newest only; then the
// result. The housekeeper's thread tells, gRPC calls the reactions; `mutex_` guards what they share and is a leaf.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/domain/task_run.h"
#include "server/housekeeping/housekeeper.h"
#include "server/service/handover.h"
#include "server/service/observed_call.h"

namespace eventstore::service {

class RunTaskStream final : public Observed<grpc::ServerWriteReactor<grpc::ByteBuffer>>,
                            public std::enable_shared_from_this<RunTaskStream> {
 public:
  // Lives until gRPC is done with it. Until it is asked for a run, or ended, it waits.
  static std::shared_ptr<RunTaskStream> Begin(const CallBook& calls, const Admission& admission,
                                              grpc::CallbackServerContext& context, const domain::Clock& clock);

  using Ended = std::function<void(const absl::StatusOr<domain::TaskRun>&)>;
  // `housekeeper` null: this instance has none. `ended` is told what came of it, before the client is.
  void Ask(housekeeping::Housekeeper* housekeeper, const domain::RunRequest& request, const Ended& ended);
  void End(const absl::StatusOr<domain::TaskRun>& run);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { self_.reset(); }

 private:
  RunTaskStream(const CallBook& calls, const Admission& admission, grpc::CallbackServerContext& context,
                const domain::Clock& clock)
      : Observed(calls, admission, context), clock_(clock) {}

  void Tell(const housekeeping::TaskProgress& progress);
  // Writes what there is to write, or ends the call.
  void Work();

  const domain::Clock& clock_;
  std::shared_ptr<RunTaskStream> self_;  // until OnDone
  grpc::ByteBuffer outgoing_;            // while writing_

  std::mutex mutex_;
  std::optional<housekeeping::TaskProgress> progress_;  // not yet written
  std::optional<domain::TaskRun> result_;               // the same
  std::optional<grpc::Status> end_;                     // after the result
  std::optional<domain::MonotonicTime> wrote_at_;
  bool writing_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
};

}  // namespace eventstore::service
