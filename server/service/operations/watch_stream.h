// One watcher: catches up by pages from the database, then takes what is new from the change tail. What comes next is taken
// only when gRPC has taken the last message, so a slow watcher costs a page of memory; when the tail has moved on too far
// meanwhile, it goes back to the database.
//
// `place_` is the one truth, as SubscribeStream's position is (subscribe_stream.h): everything that matches up to it is
// written or being written, nothing beyond it.
//
// Threads: gRPC calls the reactions, the pool brings pages, the tail wakes. `mutex_` guards all that changes; gRPC and the
// pool are called without it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eventstore/v1/operations.pb.h"
#include "server/domain/clock.h"
#include "server/domain/operations/record_query.h"
#include "server/service/handover.h"
#include "server/service/observed_call.h"
#include "server/service/open_streams.h"
#include "server/storage/operations/change_feed.h"
#include "server/storage/read_executor.h"
#include "server/subscriptions/change_tail.h"

namespace eventstore::service {

struct WatchParts {
  const CallBook& calls;
  OpenStreams& streams;
  subscriptions::ChangeTail& tail;
  storage::ReadExecutor& pool;
  const domain::Clock& clock;
  // Of one page.
  std::chrono::milliseconds page_deadline;
};

class WatchStream final : public Observed<grpc::ServerWriteReactor<grpc::ByteBuffer>>,
                          public OpenStream,
                          public subscriptions::TailListener,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  // Lives until gRPC is done with it.
  static WatchStream* Begin(const WatchParts& parts, const Admission& admission, grpc::CallbackServerContext& context,
                            absl::StatusOr<domain::WatchQuery> query);

  void Close(const absl::Status& status) override;
  void OnTail() override;
  void OnStoreLost(const absl::Status& status) override { Close(status); }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { self_.reset(); }

 private:
  // What to ask of others once the mutex is free.
  struct Next {
    bool read = false;
    bool write = false;
    std::optional<grpc::Status> finish;
  };

  WatchStream(const WatchParts& parts, const Admission& admission, grpc::CallbackServerContext& context,
              domain::WatchQuery query);

  Next Decide();  // holding mutex_
  void Do(Next next);
  // True when there is a message to write.
  bool TakePage();
  bool TakeFromTail();
  bool TellWhereItIs();
  void Put(v1::WatchResponse& message);
  void Read();
  absl::StatusOr<storage::ChangePage> ReadPage(storage::Session& session);
  void OnPage(absl::StatusOr<storage::ChangePage> page);

  const WatchParts parts_;
  const domain::WatchQuery query_;
  const std::chrono::seconds heartbeat_;
  std::shared_ptr<WatchStream> self_;  // until OnDone
  grpc::ByteBuffer outgoing_;          // while writing_
  bool checked_ = false;               // of the read that is under way: the token is good

  std::mutex mutex_;
  domain::ChangePlace place_;
  std::int64_t told_ = 0;  // the watcher has a token of here
  bool placed_ = false;    // place_ is known
  bool live_ = false;
  bool announce_ = true;                     // caught_up is to be sent
  std::optional<storage::ChangePage> page_;  // read, not yet being written
  bool reading_ = false;
  bool writing_ = false;
  bool finished_ = false;
  absl::Status end_ = absl::OkStatus();
  domain::MonotonicTime wrote_at_;
};

}  // namespace eventstore::service
