// umadb_load HOST:PORT SECONDS WARMUP IN_FLIGHT PAYLOAD: appends one event each to new aggregates of UmaDB, on condition that
// there is none yet, in a closed loop. Prints one JSON object.
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tools/eventbench/load/ids.h"
#include "tools/eventbench/load/payload.h"
#include "tools/eventbench/measure/recorder.h"
#include "umadb.grpc.pb.h"

namespace {

using eventstore::eventbench::Clock;
using eventstore::eventbench::Histogram;
using eventstore::eventbench::Instant;

struct Figures {
  Histogram latency{10};
  std::int64_t errors = 0;
  std::string first_error;
};

struct Load {
  explicit Load(int payload) : payloads(payload, random) {}

  std::unique_ptr<umadb::v1::DCB::Stub> stub;
  grpc::CompletionQueue queue;
  eventstore::eventbench::Random random{std::random_device()()};
  eventstore::eventbench::EventIds ids{random.Next()};
  eventstore::eventbench::Payloads payloads;
  Instant measured;
  Instant end;
  Figures figures;
};

// One append after another.
class Slot {
 public:
  explicit Slot(Load& load) : load_(load) {}

  void Start() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    const std::string tag = "agg:" + eventstore::eventbench::TextOf(load_.ids.Make(ms));
    request_.Clear();
    auto& event = *request_.add_events();
    event.set_event_type("order.placed");
    event.add_tags(tag);
    event.set_data(load_.payloads.Pick(load_.random.Next()));
    eventstore::eventbench::WriteId(load_.ids.Make(ms), *event.mutable_uuid());
    request_.mutable_condition()->mutable_fail_if_events_match()->add_items()->add_tags(tag);
    context_.emplace();
    began_ = Clock::now();
    call_ = load_.stub->PrepareAsyncAppend(&*context_, request_, &load_.queue);
    call_->StartCall();
    call_->Finish(&response_, &status_, this);
  }

  // False: the time is over.
  bool Ended() {
    const Instant now = Clock::now();
    if (!status_.ok()) {
      if (load_.figures.errors++ == 0) load_.figures.first_error = status_.error_message();
    } else if (now >= load_.measured && now < load_.end) {
      load_.figures.latency.Record(std::chrono::duration_cast<std::chrono::nanoseconds>(now - began_).count());
    }
    if (now >= load_.end) return false;
    Start();
    return true;
  }

 private:
  Load& load_;
  umadb::v1::AppendRequest request_;
  umadb::v1::AppendResponse response_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<umadb::v1::AppendResponse>> call_;
  Instant began_;
};

Clock::duration Seconds(const char* text) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::atof(text)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("umadb_load HOST:PORT SECONDS WARMUP IN_FLIGHT PAYLOAD\n", stderr);
    return 2;
  }
  Load load{std::atoi(argv[5])};
  load.stub = umadb::v1::DCB::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  load.measured = Clock::now() + Seconds(argv[3]);
  load.end = load.measured + Seconds(argv[2]);
  std::vector<std::unique_ptr<Slot>> slots;
  for (int i = 0; i < std::atoi(argv[4]); ++i) slots.push_back(std::make_unique<Slot>(load));
  for (auto& slot : slots) slot->Start();
  void* tag = nullptr;
  bool ok = false;
  for (std::size_t busy = slots.size(); busy > 0 && load.queue.Next(&tag, &ok);) {
    if (!static_cast<Slot*>(tag)->Ended()) --busy;
  }
  load.queue.Shutdown();
  const auto& latency = load.figures.latency;
  const auto ms = [&](double percent) { return static_cast<double>(latency.Percentile(percent)) / 1e6; };
  std::string error;
  for (const char c : load.figures.first_error) error += c == '"' || c == '\\' || c < ' ' ? ' ' : c;
  std::puts(fmt::format(R"({{"rate": {}, "p50_ms": {}, "p99_ms": {}, "errors": {}, "first_error": "{}"}})",
                        static_cast<double>(latency.count()) / std::atof(argv[2]), ms(50), ms(99), load.figures.errors,
                        error)
                .c_str());
  return 0;
}
