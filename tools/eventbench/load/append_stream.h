// AppendStream: the items of many slots over one bidirectional call. What is ready when a message may be written goes
// into that message, up to a limit; so messages are small when little is under way, and large when much is.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tools/eventbench/load/completion.h"
#include "tools/eventbench/load/operation.h"

namespace eventstore::eventbench {

// One item at a time of one slot.
class StreamAppend final : public Operation {
 public:
  StreamAppend(Workbench& bench, Connection& connection, OperationListener& listener)
      : bench_(bench), connection_(connection), listener_(listener) {}

  void Start() override;

  // Called by the stream: when the item goes into a message, and when its outcome is known.
  void Fill(v1::AppendRequest& request);
  void Appended(const v1::AppendResponse& response);
  void Failed(const Failure& failure);
  // It was never sent.
  void NotSent(const Failure& failure);

 private:
  Workbench& bench_;
  Connection& connection_;
  OperationListener& listener_;
  SentAppend sent_;
};

// One call, opened when there is something to send, and anew after it has failed.
class AppendStreamCall {
 public:
  AppendStreamCall(Workbench& bench, v1::EventStore::Stub& stub) : bench_(bench), stub_(stub) {}

  void Add(StreamAppend* item) { ready_.push_back(item); }
  // Sends what is ready, unless a message is on its way; then that is done when it has gone.
  void Flush();
  // Half-closes, as soon as that can be done: to be called again until it is over. Nothing may be added any more.
  void Close();
  bool IsOver() const { return call_ == nullptr; }

 private:
  void Open();
  void MaybeEnd();
  void Take(const v1::AppendStreamOutcome& outcome);

  void Opened(bool ok);
  void Written(bool ok);
  void Read(bool ok);
  void HalfClosed(bool ok);
  void Finished(bool ok);

  Workbench& bench_;
  v1::EventStore::Stub& stub_;
  std::deque<StreamAppend*> ready_;
  absl::flat_hash_map<std::int64_t, StreamAppend*> waiting_;  // by number
  std::int64_t sent_ = 0;
  bool open_ = false;     // Opened() came
  bool writing_ = false;  // a message or the half-close
  bool half_closed_ = false;
  bool finished_ = false;  // Finished() came
  bool broken_ = false;    // the server has ended it

  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::AppendStreamRequest, v1::AppendStreamResponse>> call_;
  v1::AppendStreamRequest request_;
  v1::AppendStreamResponse response_;
  grpc::Status status_;
  Bound<&AppendStreamCall::Opened> when_opened_{this};
  Bound<&AppendStreamCall::Written> when_written_{this};
  Bound<&AppendStreamCall::Read> when_read_{this};
  Bound<&AppendStreamCall::HalfClosed> when_half_closed_{this};
  Bound<&AppendStreamCall::Finished> when_finished_{this};
};

}  // namespace eventstore::eventbench
