// A read under way: pages, retries, cancellation.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/statusor.h"
#include "client/src/core.h"
#include "client/src/read_call.h"

namespace eventstore::client::internal {

class ReaderState {
 public:
  ReaderState(std::shared_ptr<const Core> core, std::unique_ptr<ReadCall> call, Deadline deadline);
  ~ReaderState();

  std::optional<absl::StatusOr<v1::RecordedEvent>> Next();
  void Cancel();

  std::int32_t current_version() const { return current_version_; }
  std::int32_t first_available_version() const { return first_available_version_; }

 private:
  enum class Phase { kClosed, kOpen, kOver };

  // Fetches until there is an event or the read is over.
  absl::Status Fill();
  bool Open();
  void TakePage(Page page);
  // The stream has ended: OK when it is complete or to be opened again.
  absl::Status AfterEnd(const absl::Status& status);

  const std::shared_ptr<const Core> core_;
  const std::unique_ptr<ReadCall> call_;
  RetryLoop retries_;

  Phase phase_ = Phase::kClosed;
  Resume resume_ = Resume::kReopen;
  Events page_;
  int next_in_page_ = 0;
  bool any_page_ = false;
  std::int32_t current_version_ = 0;
  std::int32_t first_available_version_ = 0;

  std::mutex mutex_;                              // Cancel() comes from other threads
  std::unique_ptr<grpc::ClientContext> context_;  // guarded by mutex_ for TryCancel; replaced in Open()
  bool cancelled_ = false;                        // guarded by mutex_
};

}  // namespace eventstore::client::internal
