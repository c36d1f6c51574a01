// The one place where calls are counted, timed and logged, whatever their method: a call's reactor is an Observed<...> of
// gRPC's, whose StartWrite, Finish and so on say what they do before they do it. (gRPC's interceptors could count too; in
// 1.51 they are experimental, and each call makes an object and goes through it at every step.)
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "server/domain/clock.h"
#include "server/observability/request_log.h"
#include "server/observability/rpc_figures.h"
#include "server/service/admission.h"
#include "server/service/audit_trail.h"
#include "server/service/call_count.h"
#include "server/service/handover.h"
#include "server/service/rpc.h"

namespace eventstore::service {

// What every call tells. Thread-safe; outlives the calls.
struct CallBook {
  const Gate& gate;
  CallCount& count;
  observability::RpcFigures& figures;  // of RpcNames()
  observability::RequestLog& log;
  const domain::Clock& clock;
  domain::IdMaker& ids;
  AuditTrail& audit;
};

// One call, from its arrival until gRPC is done with it.
class CallRecord {
 public:
  CallRecord(const CallBook& book, Admission admission, grpc::CallbackServerContext& context)
      : book_(book),
        counted_(book.count),
        admission_(std::move(admission)),
        rpc_(static_cast<std::size_t>(admission_.rpc())),
        context_(context),
        began_(book.clock.Monotonic()) {
    book_.figures.Began(rpc_);
  }
  // Its context goes with it, and with that what Ends() has had read of it, perhaps on another thread.
  ~CallRecord() { TakeOver(&context_); }
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  // Once, before gRPC is told. A call that failed, was slow, or came with an id of its client's gets the ids of its log line
  // in its trailing metadata.
  void Ends(const grpc::Status& status);
  const Admission& admission() const { return admission_; }
  // A part of the call was refused while the call goes on.
  void PartRefused(const absl::Status& status) const;
  void Received(std::size_t bytes) const { book_.figures.Received(rpc_, bytes); }
  void Sends(std::size_t bytes) const { book_.figures.Sent(rpc_, bytes); }

 private:
  const CallBook& book_;
  const CallCount::Call counted_;
  const Admission admission_;
  const std::size_t rpc_;
  grpc::CallbackServerContext& context_;
  const domain::MonotonicTime began_;
};

// `Reactor`: one of gRPC's for calls of bytes. Its operations are not virtual there: these go before them.
template <typename Reactor>
class Observed : public Reactor {
 public:
  Observed(const CallBook& book, Admission admission, grpc::CallbackServerContext& context)
      : call_(book, std::move(admission), context) {}

  const Admission& admission() const { return call_.admission(); }

  void Finish(grpc::Status status) {
    call_.Ends(status);
    Reactor::Finish(std::move(status));
  }

 protected:
  void StartWrite(const grpc::ByteBuffer* message) {
    call_.Sends(message->Length());
    Reactor::StartWrite(message);
  }
  void StartWriteAndFinish(const grpc::ByteBuffer* message, grpc::WriteOptions options, grpc::Status status) {
    call_.Sends(message->Length());
    call_.Ends(status);
    Reactor::StartWriteAndFinish(message, options, std::move(status));
  }
  void PartRefused(const absl::Status& status) const { call_.PartRefused(status); }
  // First thing in OnReadDone(true).
  void Received(const grpc::ByteBuffer& message) const { call_.Received(message.Length()); }

 private:
  CallRecord call_;
};

}  // namespace eventstore::service
