#include "tests/robustness/load.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <mutex>
#include <utility>

#include "eventstore/append_pipeline.h"
#include "gtest/gtest.h"

namespace eventstore::testing {
namespace {

using client::VersionCheck;
using std::chrono::milliseconds;

constexpr int kShared = 8;

v1::AppendRequest AnyVersion(const std::string& aggregate, const std::string& type) {
  v1::AppendRequest request;
  request.set_aggregate_id(aggregate);
  request.set_aggregate_type("entity");
  request.set_any_version(true);
  *request.add_events() = client::MakeEvent(type);
  return request;
}

}  // namespace

Load::Load(std::vector<client::EventStoreClient> stores, Ledger& ledger, LoadOptions options)
    : stores_(std::move(stores)), ledger_(ledger), options_(options) {
  for (int i = 0; i < kShared; ++i) shared_.push_back(client::MakeEvent("id").id());
  const auto store = [this](int number) -> const client::EventStoreClient& {
    return stores_[static_cast<std::size_t>(number) % stores_.size()];
  };
  for (int i = 0; i < options_.clients; ++i) {
    threads_.emplace_back([this, &in = store(i), i] { Run(in, static_cast<std::size_t>(i)); });
  }
  for (int i = 0; i < options_.pipelines; ++i) threads_.emplace_back([this, &in = store(i)] { RunPipeline(in); });
}

void Load::Stop() {
  stop_ = true;
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

bool Load::AwaitEvents(std::size_t count, std::chrono::seconds patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  const std::size_t goal = ledger_.acknowledged() + count;
  while (ledger_.acknowledged() < goal) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

void Load::Run(const client::EventStoreClient& store, std::size_t number) {
  const std::string own = client::MakeEvent("id").id();
  std::int32_t version = 0;
  for (std::size_t i = 0; !stop_; ++i) {
    if (i % 3 == 0) {
      // Its own aggregate, with the version it knows: only a lost or doubled event could make this conflict.
      auto answer = store.Append({own, "entity"}, VersionCheck::Exactly(version), {client::MakeEvent("load.own")});
      if (answer.ok()) {
        version = answer->version();
        ledger_.Acknowledged(*answer);
      } else {
        Lost(answer.status());
        // It may have been written all the same.
        auto now = store.GetVersion(own);
        while (!now.ok() && !stop_) now = store.GetVersion(own);
        if (now.ok()) version = now->version();
      }
    } else if (i % 3 == 1) {
      auto answer = store.Append({Shared(number + i), "entity"}, VersionCheck::Any(),
                                 {client::MakeEvent("load.any"), client::MakeEvent("load.any")});
      if (answer.ok()) {
        ledger_.Acknowledged(*answer);
      } else {
        Lost(answer.status());
      }
    } else {
      v1::AppendBatchRequest request;
      for (std::size_t j = 0; j < static_cast<std::size_t>(options_.batch_aggregates); ++j) {
        *request.add_appends() = AnyVersion(Shared(number + i + j * 3), "load.batch");
      }
      auto answer = store.AppendBatch(request);
      if (answer.ok()) {
        for (const auto& result : answer->results()) ledger_.Acknowledged(result);
      } else {
        Lost(answer.status());
      }
    }
    std::this_thread::sleep_for(options_.pause);
  }
}

// Many at once on a stream, which is opened again by the client; what fails by itself is repeated here, with its ids.
void Load::RunPipeline(const client::EventStoreClient& store) {
  std::mutex mutex;
  std::deque<v1::AppendRequest> again;
  client::AppendPipeline pipeline(store, {.max_in_flight = 16});
  for (std::size_t i = 0; !stop_; ++i) {
    v1::AppendRequest request;
    {
      const std::lock_guard lock(mutex);
      if (!again.empty()) {
        request = std::move(again.front());
        again.pop_front();
      }
    }
    if (request.events().empty()) request = AnyVersion(Shared(i), "load.stream");
    pipeline.Append(request, [&, request](const client::AppendPipeline::Outcome& outcome) {
      if (outcome.ok()) {
        ledger_.Acknowledged(*outcome);
        ++streamed_;
        return;
      }
      EXPECT_NE(outcome.status().code(), absl::StatusCode::kAlreadyExists) << outcome.status();
      EXPECT_NE(outcome.status().code(), absl::StatusCode::kInternal) << outcome.status();
      const std::lock_guard lock(mutex);
      again.push_back(request);
    });
    std::this_thread::sleep_for(std::max(options_.pause, milliseconds(5)));  // one writer among others
  }
}

void Load::Lost(const absl::Status& status) {
  ++unanswered_;
  std::printf("gave up: %s\n", status.ToString().c_str());
  // Whatever was repeated with its ids may be late, but never contradict what was written before.
  EXPECT_NE(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_NE(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_NE(status.code(), absl::StatusCode::kInternal) << status;
}

}  // namespace eventstore::testing
