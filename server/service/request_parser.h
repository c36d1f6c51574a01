// Requests as bytes: gRPC's own parsing answers a malformed message or a text that is not UTF-8 with a bare INTERNAL;
// clients deserve the field's name.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/service/admission.h"

namespace eventstore::service {

// Thread-safe after construction.
class RequestParser {
 public:
  RequestParser();
  ~RequestParser();

  // The refusal of a call that may not go on; else INVALID_REQUEST naming each field whose text is not UTF-8, or that the
  // message is none.
  absl::Status Parse(const Admission& admission, const grpc::ByteBuffer& bytes,
                     google::protobuf::Message* message) const;
  // As Parse, of bytes in hand and whoever sent them; for fuzzing.
  absl::Status ParseText(const std::string& bytes, google::protobuf::Message* message) const;

 private:
  absl::Status Explain(const std::string& bytes, const google::protobuf::Message& message) const;

  // The same messages with every string field declared as bytes: they parse where UTF-8 is wrong.
  google::protobuf::DescriptorPool pool_;
  std::unique_ptr<google::protobuf::DynamicMessageFactory> factory_;
};

grpc::ByteBuffer Serialize(const google::protobuf::Message& message);

}  // namespace eventstore::service
