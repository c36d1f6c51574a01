#include "eventstore/event_reader.h"

#include <utility>

#include "client/src/reader_state.h"

namespace eventstore::client {

EventReader::EventReader(std::unique_ptr<internal::ReaderState> state) : state_(std::move(state)) {}
EventReader::~EventReader() = default;
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;

std::optional<absl::StatusOr<v1::RecordedEvent>> EventReader::Next() { return state_->Next(); }
std::int32_t EventReader::current_version() const { return state_->current_version(); }
std::int32_t EventReader::first_available_version() const { return state_->first_available_version(); }
void EventReader::Cancel() { state_->Cancel(); }

}  // namespace eventstore::client
