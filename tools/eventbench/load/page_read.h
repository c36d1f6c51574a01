// Operations whose answer is a stream of pages, read to its end: replay, user, correlated, tail.
#pragma once

#include <optional>

#include "tools/eventbench/load/completion.h"
#include "tools/eventbench/load/operation.h"

namespace eventstore::eventbench {

class PageRead final : public Operation {
 public:
  PageRead(Kind kind, Workbench& bench, Connection& connection, OperationListener& listener)
      : kind_(kind), bench_(bench), connection_(connection), listener_(listener) {}

  void Start() override;

 private:
  // Which of the four it is, and of what.
  void Prepare(grpc::ClientContext& context);
  void PrepareReplay(grpc::ClientContext& context);
  void PrepareUser(grpc::ClientContext& context);
  void PrepareCorrelated(grpc::ClientContext& context);
  void PrepareTail(grpc::ClientContext& context);

  void Started(bool ok);
  void PageCame(bool ok);
  void Finished(bool ok);

  const Kind kind_;
  Workbench& bench_;
  Connection& connection_;
  OperationListener& listener_;

  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<PageStub::Reader> reader_;
  grpc::ByteBuffer page_;
  grpc::Status status_;
  Outcome outcome_;
  Bound<&PageRead::Started> started_{this};
  Bound<&PageRead::PageCame> page_came_{this};
  Bound<&PageRead::Finished> finished_{this};
};

}  // namespace eventstore::eventbench
