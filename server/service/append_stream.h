// AppendStream: items in, outcomes out, both as they come. A window bounds what one stream may have under way: while it is
// full, nothing is read, and HTTP/2 holds the client back.
//
// Outcomes that become known while a message is being written go into the next one, so a slow client gets fewer and
// larger messages, and the window bounds how many there can be.
//
// Threads: gRPC calls the reactions, lane writers bring the outcomes; `mutex_` guards everything that changes. It is a
// leaf: gRPC and the appender are called without it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "eventstore/v1/event_store.pb.h"
#include "server/domain/append.h"
#include "server/domain/clock.h"
#include "server/service/handover.h"
#include "server/service/observed_call.h"
#include "server/service/open_streams.h"
#include "server/service/request_parser.h"
#include "server/storage/appender.h"

namespace eventstore::service {

struct AppendStreamParts {
  const CallBook& calls;
  OpenStreams& streams;
  storage::Appender& appender;
  const RequestParser& parser;
  const domain::Clock& clock;
  domain::IdMaker& ids;
  std::chrono::milliseconds default_deadline;
};

class AppendStream final : public Observed<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>>,
                           public OpenStream,
                           public std::enable_shared_from_this<AppendStream> {
 public:
  // Lives until gRPC is done with it.
  static AppendStream* Begin(const AppendStreamParts& parts, grpc::CallbackServerContext& context);

  // Takes in nothing more; ends with `status` once every item has its outcome.
  void Close(const absl::Status& status) override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override {
    TakeOver(this);
    *cancelled_ = true;
  }
  void OnDone() override;

 private:
  // What to ask of gRPC once the mutex is free.
  struct Next {
    bool read = false;
    bool write = false;
    std::optional<grpc::Status> finish;
  };

  AppendStream(const AppendStreamParts& parts, grpc::CallbackServerContext& context);

  absl::Status TakeIn(const grpc::ByteBuffer& bytes);
  void Submit(std::int64_t number, v1::AppendRequest&& item, domain::MonotonicTime deadline);
  void Complete(std::int64_t number, std::size_t bytes, const absl::StatusOr<domain::AppendBatchResult>& result);
  Next Decide();  // holding mutex_
  void Do(Next next);

  const AppendStreamParts parts_;
  const grpc::CallbackServerContext& context_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<AppendStream> self_;  // until OnDone
  grpc::ByteBuffer incoming_;           // while reading_
  grpc::ByteBuffer outgoing_;           // while writing_
  std::int64_t last_number_ = 0;        // of the reading thread

  std::mutex mutex_;
  std::size_t open_items_ = 0;         // until gRPC has taken their outcome
  std::size_t waiting_items_ = 0;      // until their outcome is known
  std::size_t waiting_bytes_ = 0;      // of data and metadata of those
  v1::AppendStreamResponse outcomes_;  // known, not yet written
  std::size_t written_items_ = 0;      // in outgoing_
  int asking_ = 0;                     // threads on their way to ask gRPC for something: Finish comes after
  bool reading_ = false;
  bool taking_in_ = false;  // a message is being handed to the appender
  bool writing_ = false;
  bool broken_ = false;  // the client hears nothing any more
  bool closed_ = false;  // nothing more is read
  bool finished_ = false;
  absl::Status end_ = absl::OkStatus();
};

}  // namespace eventstore::service
