// One thing that is done again and again, by one slot of a worker: at most one of it is under way.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "eventstore/v1/event_store.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tools/eventbench/load/append_book.h"
#include "tools/eventbench/load/page_stub.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

class AppendStreamCall;

class OperationListener {
 public:
  // `failure`: null when it was done.
  virtual void Ended(const Outcome& outcome, const Failure* failure) = 0;

 protected:
  ~OperationListener() = default;
};

// One connection, as a worker sees it.
struct Connection {
  std::unique_ptr<v1::EventStore::Stub> stub;
  std::unique_ptr<grpc::health::v1::Health::Stub> health;
  std::unique_ptr<PageStub> pages;
  std::unique_ptr<AppendStreamCall> appends;
};

// What operations of one worker share; used by its thread alone.
struct Workbench {
  const Options& options;
  grpc::CompletionQueue& queue;
  Aggregates& aggregates;
  EventMaker& maker;
  AppendBook& book;
};

class Operation {
 public:
  virtual ~Operation() = default;
  virtual void Start() = 0;
};

std::unique_ptr<Operation> MakeOperation(Kind kind, Workbench& bench, Connection& connection,
                                         OperationListener& listener);

// Of one call, from now.
std::chrono::system_clock::time_point DeadlineOf(const Options& options);

}  // namespace eventstore::eventbench
