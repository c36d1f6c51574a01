#include "server/service/request_parser.h"

#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>
#include <vector>

#include "eventstore/v1/event_store.pb.h"
#include "eventstore/v1/housekeeper.pb.h"
#include "eventstore/v1/subscriptions.pb.h"
#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/validation.h"

namespace eventstore::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;

absl::Status TooLarge(std::size_t size, std::size_t max) {
  domain::Error error;
  error.reason = domain::Reason::kLimitExceeded;
  error.message =
      fmt::format("the message is {} bytes; the limit is {} (setting {}). Nothing was done; send less at a time", size,
                  max, domain::kMaxMessageBytesSetting);
  error.metadata = {{"limit", domain::kMaxMessageBytesSetting},
                    {"size", std::to_string(size)},
                    {"max", std::to_string(max)},
                    {"setting", domain::kMaxMessageBytesSetting}};
  return domain::ToStatus(error);
}

void StringsToBytes(DescriptorProto* message) {
  for (auto& field : *message->mutable_field()) {
    if (field.type() == FieldDescriptorProto::TYPE_STRING) field.set_type(FieldDescriptorProto::TYPE_BYTES);
  }
  for (auto& nested : *message->mutable_nested_type()) {
    // Keys of a map cannot be bytes; on the wire it is a list of pairs.
    nested.mutable_options()->clear_map_entry();
    StringsToBytes(&nested);
  }
}

void AddFile(const FileDescriptor* file, google::protobuf::DescriptorPool* pool) {
  if (pool->FindFileByName(file->name()) != nullptr) return;
  for (int i = 0; i < file->dependency_count(); ++i) AddFile(file->dependency(i), pool);
  FileDescriptorProto copy;
  file->CopyTo(&copy);
  for (auto& message : *copy.mutable_message_type()) StringsToBytes(&message);
  pool->BuildFile(copy);
}

void FindBadText(const Message& message, const std::string& prefix, domain::Violations& violations) {
  std::vector<const FieldDescriptor*> fields;
  const auto* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool is_text = field->type() == FieldDescriptor::TYPE_BYTES;
    const bool is_message = field->type() == FieldDescriptor::TYPE_MESSAGE;
    if (!is_text && !is_message) continue;
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const std::string path = field->is_repeated() ? fmt::format("{}{}[{}]", prefix, field->name(), i)
                                                    : fmt::format("{}{}", prefix, field->name());
      if (is_message) {
        FindBadText(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                         : reflection->GetMessage(message, field),
                    path + ".", violations);
        continue;
      }
      const std::string text = field->is_repeated() ? reflection->GetRepeatedString(message, field, i)
                                                    : reflection->GetString(message, field);
      // A NUL is valid in a string field; the domain's own check speaks of it.
      if (!domain::IsValidUtf8(text) && text.find('\0') == std::string::npos)
        violations.Add(path, "is not valid UTF-8");
    }
  }
}

}  // namespace

RequestParser::RequestParser() {
  AddFile(v1::AppendRequest::descriptor()->file(), &pool_);
  AddFile(v1::SubscribeRequest::descriptor()->file(), &pool_);
  AddFile(v1::RunTaskRequest::descriptor()->file(), &pool_);
  factory_ = std::make_unique<google::protobuf::DynamicMessageFactory>(&pool_);
}

RequestParser::~RequestParser() = default;

absl::Status RequestParser::Parse(const Admission& admission, const grpc::ByteBuffer& bytes, Message* message) const {
  if (!admission.status().ok()) return admission.status();
  if (bytes.Length() > admission.limits().message_bytes) {
    return TooLarge(bytes.Length(), admission.limits().message_bytes);
  }
  grpc::ByteBuffer shared(bytes);  // the same memory; Deserialize consumes its argument
  if (grpc::SerializationTraits<Message>::Deserialize(&shared, message).ok()) return absl::OkStatus();
  std::vector<grpc::Slice> slices;
  std::string all;
  if (bytes.Dump(&slices).ok()) {
    for (const auto& slice : slices) all.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return Explain(all, *message);
}

absl::Status RequestParser::ParseText(const std::string& bytes, Message* message) const {
  if (message->ParseFromString(bytes)) return absl::OkStatus();
  return Explain(bytes, *message);
}

absl::Status RequestParser::Explain(const std::string& bytes, const Message& message) const {
  const std::string name = message.GetDescriptor()->full_name();
  if (const Descriptor* lenient = pool_.FindMessageTypeByName(name)) {
    const std::unique_ptr<Message> parsed(factory_->GetPrototype(lenient)->New());
    if (parsed->ParseFromString(bytes)) {
      domain::Violations violations;
      FindBadText(*parsed, "", violations);
      if (!violations.empty()) return violations.ToStatus();
    }
  }
  return domain::InvalidField("", fmt::format("the bytes are not a {} message; check that client and server use the "
                                              "same proto files",
                                              name));
}

grpc::ByteBuffer Serialize(const Message& message) {
  grpc::ByteBuffer bytes;
  bool own = false;
  // Fails only for messages above 2 GiB, which pages and results never are.
  const grpc::Status serialized = grpc::SerializationTraits<Message>::Serialize(message, &bytes, &own);
  return serialized.ok() ? bytes : grpc::ByteBuffer();
}

}  // namespace eventstore::service
