#include "eventstore/append_pipeline.h"

#include <utility>

#include "client/src/pipeline_state.h"

namespace eventstore::client {

AppendPipeline::AppendPipeline(const EventStoreClient& client, PipelineOptions options)
    : state_(std::make_unique<internal::PipelineState>(client.core_, options)) {}

AppendPipeline::~AppendPipeline() = default;

void AppendPipeline::Append(v1::AppendRequest request, std::function<void(Outcome)> done) {
  state_->Append(std::move(request), std::move(done));
}

void AppendPipeline::Flush() { state_->Flush(); }

}  // namespace eventstore::client
