// A server stream of pages: read on the reading pool, encoded there, written by gRPC. For a client that keeps up, the next
// page is read while the last one is encoded and written, and pages grow, as long as all streams together leave room for it
// (page_memory.h); otherwise a small page is read when gRPC has taken the last. A slow client costs memory of a page or
// two, and no connection.
//
// At most one read, one encoding and one write are under way, so pages keep their order. `mutex_` guards what they share,
// and is a leaf: gRPC and the pool are called without it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/clock.h"
#include "server/service/handover.h"
#include "server/service/observed_call.h"
#include "server/service/page_memory.h"
#include "server/storage/cursor.h"
#include "server/storage/event_vault.h"
#include "server/storage/read_executor.h"

namespace eventstore::service {

struct PageStreamParts {
  Admission admission;
  grpc::CallbackServerContext& context;
  const CallBook& calls;
  storage::ReadExecutor& readers;
  storage::ChunkCatalog& chunks;
  PageMemory& memory;
  const domain::Clock& clock;
  // Of the next page: the call's own, or a bound on a single page.
  std::function<domain::MonotonicTime()> deadline;
  // Opens what a page holds; null: it is as it is stored.
  storage::EventVault* vault = nullptr;
};

class PageStream : public Observed<grpc::ServerWriteReactor<grpc::ByteBuffer>> {
 public:
  using Message = std::function<grpc::ByteBuffer()>;
  // How the message of a page is made. Called before the cursor moves on; the message itself may be made after.
  using Encode = std::function<Message(std::vector<domain::RecordedEvent>)>;

  // `first_page_always`: an empty result is one empty page instead of none.
  PageStream(PageStreamParts parts, std::unique_ptr<storage::Cursor> cursor, Encode encode, bool first_page_always);
  // A stream that only fails.
  static PageStream* Failed(PageStreamParts parts, const absl::Status& status);

  void Start();

  void OnWriteDone(bool ok) override;
  void OnCancel() override {
    TakeOver(this);
    cancelled_ = true;
  }
  void OnDone() override { delete this; }

 private:
  // What to ask of others once the mutex is free. After `finish` or a last page the stream may be gone.
  struct Next {
    bool read = false;
    bool write = false;
    bool last = false;  // of the write
    std::optional<grpc::Status> finish;
  };

  // Pages that are read and not yet taken by gRPC.
  std::size_t held() const { return read_.size() + (encoding_ ? 1 : 0) + (encoded_ ? 1 : 0) + (writing_ ? 1 : 0); }
  Next Decide();  // holding mutex_
  void Do(Next next);
  void Read();
  void OnSession(absl::StatusOr<storage::Session*> session);
  absl::StatusOr<storage::Page> ReadPage(absl::StatusOr<storage::Session*> session);
  // Until there is nothing to encode.
  void EncodeAll();

  const PageStreamParts parts_;
  const std::unique_ptr<storage::Cursor> cursor_;
  const Encode encode_;
  std::atomic<bool> begun_ = false;
  std::atomic<bool> cancelled_ = false;
  grpc::ByteBuffer message_;  // while writing_

  std::mutex mutex_;
  std::deque<Message> read_;                 // not yet being encoded
  std::optional<grpc::ByteBuffer> encoded_;  // not yet being written
  PageMemory::Share taken_memory_;  // gRPC says that it has taken a page while a part of it still waits for the client
  PageMemory::Share writing_memory_;
  PageMemory::Share encoded_memory_;
  bool owes_page_;
  bool read_all_ = false;
  bool reading_ = false;
  bool encoding_ = false;
  bool writing_ = false;
  bool keeps_up_ = false;  // gRPC took the last page at once
  bool broken_ = false;    // the client hears nothing any more
  bool finished_ = false;
  domain::MonotonicTime wrote_at_;
  grpc::Status end_;  // after what was read
};

}  // namespace eventstore::service
