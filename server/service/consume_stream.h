// One consumer of a group: deliveries one way, answers the other. The next message is made only when gRPC has taken the last
// one, from whatever the group has for this consumer by then; so many small deliveries become one message, and a consumer
// that does not read costs what its group may hold for it.
//
// Threads: gRPC calls the reactions, the group wakes. `mutex_` guards all that changes and is a leaf: gRPC and the group are
// called without it, since the group wakes other consumers meanwhile.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "eventstore/v1/consumer_groups.pb.h"
#include "server/domain/clock.h"
#include "server/service/handover.h"
#include "server/service/observed_call.h"
#include "server/service/open_streams.h"
#include "server/service/request_parser.h"
#include "server/storage/event_vault.h"
#include "server/subscriptions/group_coordinator.h"

namespace eventstore::service {

struct ConsumeParts {
  const CallBook& calls;
  OpenStreams& streams;
  subscriptions::GroupCoordinator& groups;
  const RequestParser& parser;
  const domain::Clock& clock;
  domain::IdMaker& ids;
  // Opens what events hold when they are about to be sent; null: it is as it is stored.
  storage::EventVault* vault = nullptr;
};

class ConsumeStream final : public Observed<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>>,
                            public OpenStream,
                            public subscriptions::ConsumerPort,
                            public std::enable_shared_from_this<ConsumeStream> {
 public:
  // Lives until gRPC is done with it.
  static ConsumeStream* Begin(const ConsumeParts& parts, grpc::CallbackServerContext& context);

  // What it has goes to others at once.
  void Close(const absl::Status& status) override;
  void OnWork() override { Work(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  ConsumeStream(const ConsumeParts& parts, grpc::CallbackServerContext& context);

  absl::Status TakeIn();
  absl::Status Answer(const v1::ConsumeRequest& message);
  void Read();
  // Writes what there is to write, or ends the call.
  void Work();
  // Takes from the group into pending_, unless something is there; false: somebody else does.
  bool Fill();
  void Add(subscriptions::Portion portion);  // holding mutex_
  // Ends the call with the first status that it is given.
  void End(const absl::Status& status);

  const ConsumeParts parts_;
  const domain::Uuid member_;
  std::shared_ptr<ConsumeStream> self_;  // until OnDone
  grpc::ByteBuffer incoming_;            // while reading
  grpc::ByteBuffer outgoing_;            // while writing_

  std::mutex mutex_;
  std::shared_ptr<subscriptions::GroupRuntime> group_;  // from `join` on
  std::deque<v1::ConsumeResponse> pending_;             // three at most
  std::chrono::seconds heartbeat_{0};
  domain::MonotonicTime wrote_at_;
  int asking_ = 0;       // threads on their way to ask gRPC for something: Finish comes after
  bool taking_ = false;  // a thread is taking from the group
  bool again_ = false;   // there was more while it did
  bool writing_ = false;
  bool cancelled_ = false;  // the client went away without leaving
  bool finished_ = false;
  std::optional<absl::Status> end_;
};

}  // namespace eventstore::service
