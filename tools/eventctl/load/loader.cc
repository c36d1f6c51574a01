#include "tools/eventctl/load/loader.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

namespace eventstore::eventctl {
namespace {

// A batch is sent when it has so many bytes, well below the store's 16 MiB a request.
constexpr std::size_t kBatchBytes = 4 << 20;
// A pipe that gives nothing for so long gets what it gave before stored.
constexpr int kIdleMs = 200;
constexpr std::uint64_t kLinesPerTick = 256;

bool IsBlank(const std::string& line) { return line.find_first_not_of(" \t\r") == std::string::npos; }

}  // namespace

Loader::Loader(const client::EventStoreClient& store, LoaderOptions options,
               std::function<void(const std::string&)> complain)
    : options_(std::move(options)), complain_(std::move(complain)) {
  for (int i = 0; i < options_.workers; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->writer = std::make_unique<BatchWriter>(
        store, options_.call, options_.old_position, [this](const NumberedLine& line, const absl::Status& why) {
          return RefuseLine(line.number, "is refused: " + std::string(why.message()));
        });
    workers_.push_back(std::move(worker));
  }
}

Loader::~Loader() = default;

absl::Status Loader::Run(LineReader& reader, const std::function<bool()>& stop,
                         const std::function<void(const LoadProgress&)>& tick) {
  watermark_ = std::make_unique<Watermark>(reader.place());
  read_ = reader.place();
  for (auto& worker : workers_) worker->thread = std::thread([this, &worker = *worker] { Work(worker); });
  if (absl::Status status = ReadLines(reader, stop, tick); !status.ok()) Fail(status);
  FlushAll();
  for (auto& worker : workers_) worker->queue.Close();
  for (auto& worker : workers_) worker->thread.join();
  return Failure();
}

absl::Status Loader::ReadLines(LineReader& reader, const std::function<bool()>& stop,
                               const std::function<void(const LoadProgress&)>& tick) {
  std::string line;
  while (!failed_ && !stop()) {
    const Place begin = reader.place();
    const auto got = reader.Next(&line, kIdleMs);
    if (!got.ok()) return got.status();
    if (*got == LineReader::Got::kEnd) return absl::OkStatus();
    if (*got == LineReader::Got::kIdle) {
      FlushAll();
      tick(Progress());
      continue;
    }
    if (absl::Status status = Take(line, begin, reader.place()); !status.ok()) return status;
    if (reader.place().lines % kLinesPerTick == 0) tick(Progress());
  }
  return absl::OkStatus();
}

absl::Status Loader::Take(const std::string& line, const Place& begin, const Place& end) {
  absl::Status status;
  if (!IsBlank(line)) {
    auto parsed = ParseEventLine(line, options_.defaults);
    if (parsed.ok()) {
      if (parsed->event.id().empty()) {
        ++without_id_;
        parsed->event.set_id(client::MakeUuidV7());
      }
      Worker& worker = *workers_[std::hash<std::string>()(parsed->aggregate_id) % workers_.size()];
      if (worker.filling.lines.empty()) {
        worker.filling.begin = begin;
        watermark_->Began(begin);
      }
      worker.filling.bytes += parsed->event.data().size() + parsed->event.metadata().size();
      worker.filling.lines.push_back({end.lines, *std::move(parsed)});
      if (worker.filling.lines.size() >= options_.batch_events || worker.filling.bytes >= kBatchBytes) Flush(worker);
    } else {
      ++refused_here_;
      status = RefuseLine(end.lines, std::string(parsed.status().message()));
    }
  }
  if (status.ok()) {
    watermark_->Read(end);
    read_ = end;
  }
  return status;
}

void Loader::Flush(Worker& worker) {
  if (worker.filling.lines.empty()) return;
  worker.queue.Push(std::exchange(worker.filling, {}));
}

void Loader::FlushAll() {
  for (auto& worker : workers_) Flush(*worker);
}

void Loader::Work(Worker& worker) {
  while (const auto batch = worker.queue.Pop()) {
    const absl::Status status = worker.writer->Write(*batch);
    {
      const std::lock_guard lock(worker.mutex);
      worker.counts = worker.writer->counts();
    }
    if (!status.ok()) {
      Fail(status);
      return;
    }
    watermark_->Done(batch->begin);
  }
}

absl::Status Loader::RefuseLine(std::uint64_t number, const std::string& why) {
  const std::string text = fmt::format("line {} {}", number, why);
  if (!options_.skip_bad) return absl::InvalidArgumentError(text);
  const std::lock_guard lock(mutex_);
  complain_(text);
  return absl::OkStatus();
}

void Loader::Fail(const absl::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    failure_.Update(status);
  }
  failed_ = true;
  // The reader may be waiting for room, the other workers for more.
  for (auto& worker : workers_) worker->queue.Abandon();
}

absl::Status Loader::Failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

LoadProgress Loader::Progress() const {
  LoadProgress progress;
  for (const auto& worker : workers_) {
    const std::lock_guard lock(worker->mutex);
    progress.counts.stored += worker->counts.stored;
    progress.counts.present += worker->counts.present;
    progress.counts.refused += worker->counts.refused;
  }
  progress.counts.refused += refused_here_;
  progress.without_id = without_id_;
  progress.read = read_;
  if (watermark_) progress.reached = watermark_->Reached();
  return progress;
}

}  // namespace eventstore::eventctl
