#include "tools/eventctl/load/batch_writer.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace eventstore::eventctl {
namespace {

// Others may append to the same aggregates meanwhile, so that a conflict follows a conflict.
constexpr int kMaxConflicts = 20;
// Of aggregates whose version is remembered. Forgetting costs a conflict, nothing else.
constexpr std::size_t kMaxKnown = 1'000'000;

// 16 bytes for the 36 characters.
std::string PackId(const std::string& uuid) {
  std::string packed;
  packed.reserve(16);
  int high = -1;
  for (const char c : uuid) {
    if (c == '-') continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      packed += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  return packed;
}

bool IsIdConflict(const absl::Status& status) { return status.code() == absl::StatusCode::kAlreadyExists; }

// A fault of the lines themselves, which another try or another server would find too.
bool IsFaultOfLines(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument || IsIdConflict(status) ||
         client::ErrorReason(status) == "VERSION_EXHAUSTED";
}

}  // namespace

BatchWriter::BatchWriter(const client::EventStoreClient& store, client::CallOptions call, std::int64_t old_position,
                         Refuse refuse)
    : store_(store), call_(call), old_position_(old_position), refuse_(std::move(refuse)) {}

absl::Status BatchWriter::Write(const Batch& batch) {
  if (known_.size() > kMaxKnown) known_.clear();
  Lines lines;
  lines.reserve(batch.lines.size());
  for (const auto& line : batch.lines) lines.push_back(&line);
  return WriteLines(std::move(lines));
}

absl::Status BatchWriter::WriteLines(Lines lines) {
  absl::Status status;
  bool learned_ids = false;
  for (int conflicts = 0; conflicts < kMaxConflicts; ++conflicts) {
    lines = WithoutPresent(lines);
    if (lines.empty()) return absl::OkStatus();
    status = Append(lines);
    if (status.ok()) return status;
    const bool version_conflict = client::AsVersionConflict(status).has_value();
    if (!version_conflict && (!IsIdConflict(status) || learned_ids)) break;
    learned_ids = learned_ids || !version_conflict;
    if (absl::Status learned = Learn(lines, status); !learned.ok()) return learned;
  }
  if (!IsFaultOfLines(status)) return status;
  if (lines.size() == 1) {
    ++counts_.refused;
    return refuse_(*lines.front(), status);
  }
  const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2);
  if (absl::Status first = WriteLines({lines.begin(), middle}); !first.ok()) return first;
  return WriteLines({middle, lines.end()});
}

absl::Status BatchWriter::Append(const Lines& lines) {
  v1::AppendBatchRequest request;
  // Where the versions of this request's own appends have come to.
  std::unordered_map<std::string, std::int32_t> versions;
  v1::AppendRequest* append = nullptr;
  for (const NumberedLine* line : lines) {
    const EventLine& content = line->content;
    // Neighbours of one aggregate go together; others keep the order of the input, also in global order.
    if (append == nullptr || append->aggregate_id() != content.aggregate_id ||
        append->aggregate_type() != content.aggregate_type) {
      append = request.add_appends();
      append->set_aggregate_id(content.aggregate_id);
      append->set_aggregate_type(content.aggregate_type);
      const auto version = versions.try_emplace(content.aggregate_id, known_[content.aggregate_id].version).first;
      append->set_expected_version(version->second);
    }
    *append->add_events() = content.event;
    ++versions[content.aggregate_id];
  }
  auto answer = store_.AppendBatch(std::move(request), call_);
  if (!answer.ok()) return answer.status();
  for (const auto& result : answer->results()) {
    Known& known = known_[result.aggregate_id()];
    known.version = std::max(known.version, result.version());
    for (const auto& event : result.events()) {
      ++(event.global_position() > old_position_ ? counts_.stored : counts_.present);
    }
  }
  return absl::OkStatus();
}

BatchWriter::Lines BatchWriter::WithoutPresent(const Lines& lines) {
  Lines absent;
  absent.reserve(lines.size());
  for (const NumberedLine* line : lines) {
    const auto known = known_.find(line->content.aggregate_id);
    const std::string& id = line->content.event.id();
    if (known != known_.end() && !id.empty() && known->second.stored_ids.erase(PackId(id)) > 0) {
      ++counts_.present;
    } else {
      absent.push_back(line);
    }
  }
  return absent;
}

absl::Status BatchWriter::Learn(const Lines& lines, const absl::Status& conflict) {
  std::set<std::string> aggregates;
  if (const auto versions = client::AsVersionConflict(conflict)) {
    for (const auto& one : versions->conflicts) aggregates.insert(one.aggregate_id);
  } else {
    for (const NumberedLine* line : lines) aggregates.insert(line->content.aggregate_id);
  }
  for (const auto& id : aggregates) {
    if (absl::Status status = LearnAggregate(id); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status BatchWriter::LearnAggregate(const std::string& aggregate_id) {
  Known& known = known_[aggregate_id];
  v1::GetAggregateStreamRequest request;
  request.set_aggregate_id(aggregate_id);
  // From the beginning: a line may repeat an event of long ago.
  client::EventReader reader = store_.ReadAggregate(request);
  known.stored_ids.clear();
  for (const auto& event : reader) {
    if (!event.ok()) return event.status();
    known.stored_ids.insert(PackId(event->id()));
  }
  known.version = reader.current_version();
  return absl::OkStatus();
}

}  // namespace eventstore::eventctl
