// eventstore.v1.Housekeeper: questions are answered on the reading pool from what is recorded, so any instance answers them;
// runs are handed to this instance's housekeeper.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <string>

#include "eventstore/v1/housekeeper.grpc.pb.h"
#include "server/housekeeping/housekeeper.h"
#include "server/service/pool_call.h"
#include "server/service/request_parser.h"
#include "server/storage/partitions.h"

namespace eventstore::service {

using RawHousekeeper = v1::Housekeeper::WithRawCallbackMethod_ListTasks<
    v1::Housekeeper::WithRawCallbackMethod_RunTask<v1::Housekeeper::WithRawCallbackMethod_ListRuns<
        v1::Housekeeper::WithRawCallbackMethod_GetPartitionStatus<v1::Housekeeper::WithRawCallbackMethod_UpdateSchedule<
            v1::Housekeeper::WithRawCallbackMethod_ListAuditLog<v1::Housekeeper::Service>>>>>>;

struct HousekeeperParts {
  const CallBook& calls;
  storage::ReadExecutor& readers;
  const domain::Clock& clock;
  std::chrono::milliseconds deadline;
  const storage::Partitions& partitions;
  std::string engine;
  // Name -> description of every task there is.
  std::map<std::string, std::string> tasks;
  housekeeping::HousekeeperOptions options;
  // Null: this instance has none.
  housekeeping::Housekeeper* housekeeper;
};

class HousekeeperService final : public RawHousekeeper {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  explicit HousekeeperService(HousekeeperParts parts) : parts_(std::move(parts)) {}

  Unary* ListTasks(Context* context, const Bytes* request, Bytes* response) override;
  grpc::ServerWriteReactor<Bytes>* RunTask(Context* context, const Bytes* request) override;
  Unary* ListRuns(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetPartitionStatus(Context* context, const Bytes* request, Bytes* response) override;
  Unary* UpdateSchedule(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListAuditLog(Context* context, const Bytes* request, Bytes* response) override;

 private:
  PoolCallParts pool() const { return {parts_.calls, parts_.readers, parts_.clock, parts_.deadline, parser_}; }
  void Describe(const storage::TaskState& state, domain::TimeMicros now, v1::Task* message) const;
  absl::StatusOr<v1::GetPartitionStatusResponse> PartitionStatus(storage::Session& session, int newest) const;
  absl::StatusOr<v1::UpdateScheduleResponse> Update(storage::Session& session, const domain::PlanUpdate& update) const;

  const HousekeeperParts parts_;
  const RequestParser parser_;
};

}  // namespace eventstore::service
