// One subscriber: catches up by pages from the database, then takes what is new from the tail. While it catches up and keeps
// up, the next page is read while gRPC sends the last one (page_memory.h); what is new is taken only when gRPC has taken the
// last message. So a slow subscriber costs a page or two of memory; when the tail has moved on too far meanwhile, it goes
// back to the database.
//
// `position_` is the one truth: everything that matches up to it is written or being written, nothing beyond it. Whatever
// comes next, from wherever, begins after it.
//
// Threads: gRPC calls the reactions, the reading pool brings pages, the tail wakes. `mutex_` guards all that changes; gRPC and
// the reading pool are called without it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/v1/subscriptions.pb.h"
#include "server/domain/clock.h"
#include "server/domain/query.h"
#include "server/service/handover.h"
#include "server/service/observed_call.h"
#include "server/service/open_streams.h"
#include "server/service/page_memory.h"
#include "server/storage/cursor_position.h"
#include "server/storage/event_vault.h"
#include "server/storage/read_executor.h"
#include "server/subscriptions/tail.h"

namespace eventstore::service {

struct SubscribeParts {
  const CallBook& calls;
  OpenStreams& streams;
  subscriptions::Tail& tail;
  storage::ReadExecutor& readers;
  storage::ChunkCatalog& chunks;
  PageMemory& memory;
  const domain::Clock& clock;
  // Of one page.
  std::chrono::milliseconds page_deadline;
  // Opens what events hold when they are about to be sent; null: it is as it is stored.
  storage::EventVault* vault = nullptr;
};

class SubscribeStream final : public Observed<grpc::ServerWriteReactor<grpc::ByteBuffer>>,
                              public OpenStream,
                              public subscriptions::TailListener,
                              public std::enable_shared_from_this<SubscribeStream> {
 public:
  // Lives until gRPC is done with it.
  static SubscribeStream* Begin(const SubscribeParts& parts, const Admission& admission,
                                grpc::CallbackServerContext& context, absl::StatusOr<domain::SubscriptionQuery> query);

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
    std::vector<domain::RecordedEvent> events;  // to be written; none: the message is there already
    std::optional<grpc::Status> finish;
  };

  SubscribeStream(const SubscribeParts& parts, const Admission& admission, grpc::CallbackServerContext& context,
                  domain::SubscriptionQuery query);

  Next Decide();  // holding mutex_
  void Do(Next next);
  // Takes from the tail; true when there is a message to write.
  bool TakeFromTail();
  bool TellWhereItIs();
  // Of the page that was read ahead; true when there is something to write.
  bool TakePage(Next& next);
  void Put(const v1::SubscribeResponse& message);
  void Read();
  void OnSession(absl::StatusOr<storage::Session*> session);
  absl::StatusOr<storage::Page> ReadPage(storage::Session& session);
  void OnPage(absl::StatusOr<storage::Page> page);

  const SubscribeParts parts_;
  const domain::SubscriptionQuery query_;
  const std::chrono::seconds heartbeat_;
  std::shared_ptr<SubscribeStream> self_;            // until OnDone
  std::unique_ptr<storage::PositionCursor> cursor_;  // of the read that is under way
  domain::Position last_ = 0;                        // of any event that it may come across
  domain::Position known_gone_ = 0;                  // what retention had dropped when it began, or was told
  grpc::ByteBuffer outgoing_;                        // while writing_
  PageMemory::Share outgoing_memory_;                // the same
  PageMemory::Share taken_memory_;                   // gRPC may still hold a part of what it has taken

  std::mutex mutex_;
  domain::Position position_ = 0;
  domain::Position told_ = 0;  // the subscriber knows that it may go on from here
  bool placed_ = false;        // position_ is known
  bool live_ = false;
  bool announce_ = false;               // caught_up is to be sent
  bool tail_known_ = false;             // the tail has begun: only then is it known that nothing was missed
  std::optional<storage::Page> ahead_;  // read, not yet being written
  bool keeps_up_ = true;                // gRPC took the last message at once
  bool reading_ = false;
  bool writing_ = false;
  bool finished_ = false;
  absl::Status end_ = absl::OkStatus();
  domain::MonotonicTime wrote_at_;
  domain::MonotonicTime told_at_;
};

}  // namespace eventstore::service
