// Operational records, for programs and for people.
#pragma once

#include <string>
#include <vector>

#include "eventstore/v1/operations.pb.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {

// What a table shows of a record of any kind, and all of it as JSON on one line.
struct RecordLine {
  google::protobuf::Timestamp created;
  std::string id;
  std::string ref;
  std::string status;
  std::string details;
  std::string json;
};

RecordLine LineOf(const v1::TriggerEvent& event);
RecordLine LineOf(const v1::Enforcement& enforcement);
RecordLine LineOf(const v1::Execution& execution);
RecordLine LineOf(const v1::Worker& worker);

std::string HistoryJson(const v1::HistoryEntry& entry);
std::string ChangeJson(const v1::RecordChange& change);
// "execution"
std::string KindName(v1::RecordKind kind);

// Records as they come: a table for people, JSON lines for programs.
class RecordPrinter {
 public:
  explicit RecordPrinter(Context& context);
  void Print(const RecordLine& line);
  void Flush() { table_.Flush(); }

 private:
  Context& context_;
  Table table_;
};

// "running" -> v1::EXECUTION_STATUS_RUNNING; 0: there is no such status. `prefix`: "EXECUTION_STATUS_".
template <typename Enum>
Enum StatusNamed(const google::protobuf::EnumDescriptor* type, const std::string& prefix, const std::string& name) {
  std::string upper = prefix;
  for (const char c : name) upper += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  const auto* value = type->FindValueByName(upper);
  return static_cast<Enum>(value == nullptr ? 0 : value->number());
}

}  // namespace eventstore::eventctl
