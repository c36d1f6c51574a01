#include "eventstore/projection.h"

#include <utility>

#include "client/src/projection/projection_state.h"

namespace eventstore::client {

Projection::Projection(const EventStoreClient& client, v1::SubscribeRequest request, ProjectionOptions options)
    : state_(std::make_unique<internal::ProjectionState>(client, std::move(request), std::move(options))) {}

Projection::~Projection() = default;

absl::Status Projection::Run(const Handler& handler) { return state_->Run(handler); }

void Projection::Stop() { state_->Stop(); }

}  // namespace eventstore::client
