// A server stream of pages: reads one page on the reading pool, writes it, and reads the next only when gRPC has taken
// the last one. A slow client therefore costs one page of memory and no connection.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "server/domain/clock.h"
#include "server/service/call_count.h"
#include "server/service/handover.h"
#include "server/storage/cursor.h"
#include "server/storage/read_executor.h"

namespace eventstore::service {

struct PageStreamParts {
  CallCount& calls;
  storage::ReadExecutor& readers;
  storage::ChunkCatalog& chunks;
  // Of the next page: the call's own, or a bound on a single page.
  std::function<domain::MonotonicTime()> deadline;
};

class PageStream : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // Makes the message of a page; may move from it.
  using Encode = std::function<grpc::ByteBuffer(storage::Page&)>;

  // `first_page_always`: an empty result is one empty page instead of none.
  PageStream(PageStreamParts parts, std::unique_ptr<storage::Cursor> cursor, Encode encode, bool first_page_always);
  // A stream that only fails.
  static PageStream* Failed(PageStreamParts parts, const absl::Status& status);

  void Start() { ScheduleNext(); }

  void OnWriteDone(bool ok) override;
  void OnCancel() override {
    TakeOver(this);
    cancelled_ = true;
  }
  void OnDone() override { delete this; }

 private:
  void ScheduleNext();
  void ReadAndWrite(absl::StatusOr<storage::Session*> session);

  const PageStreamParts parts_;
  const CallCount::Call counted_;
  const std::unique_ptr<storage::Cursor> cursor_;
  const Encode encode_;
  bool owes_page_;
  bool begun_ = false;
  grpc::ByteBuffer message_;  // alive until OnWriteDone
  std::atomic<bool> cancelled_ = false;
};

}  // namespace eventstore::service
