#include "server/service/unary_call.h"

#include "server/service/request_parser.h"
#include "server/service/status_table.h"

namespace eventstore::service {

void UnaryCall::Reply(const google::protobuf::Message& message) {
  *response_ = Serialize(message);
  Finish(grpc::Status::OK);
}

void UnaryCall::Fail(const absl::Status& status) { Finish(ToGrpc(status)); }

}  // namespace eventstore::service
