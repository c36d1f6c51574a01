// The events of a read, one after another, however the server pages them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "eventstore/v1/event.pb.h"

namespace eventstore::client {

namespace internal {
class ReaderState;
}

// A read under way. At most two pages (about 2 MiB) are held in memory; the server waits while you work. Destroying the
// reader cancels what is left. One thread at a time, except for Cancel().
//
//   for (auto& event : client.ReadAggregate(id)) {
//     if (!event.ok()) return event.status();
//     Apply(*event);
//   }
//
// When the server goes away in the middle (UNAVAILABLE), reads of an aggregate and of all events are opened again after
// the last event received: no event comes twice, none is left out. Reads of a user and of a correlation have no such
// place to go on from; they are tried again only before their first page.
class EventReader {
 public:
  explicit EventReader(std::unique_ptr<internal::ReaderState> state);
  ~EventReader();
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;

  // Waits for the next event. Nothing: the read is complete. An error is given once, and the read is over.
  std::optional<absl::StatusOr<v1::RecordedEvent>> Next();

  // Reads of an aggregate only, known once Next() has answered. The version when the read began; 0: no such aggregate.
  std::int32_t current_version() const;
  // The oldest version still stored; 0: none is.
  std::int32_t first_available_version() const;

  // Ends the read early, from any thread: a waiting Next() answers CANCELLED.
  void Cancel();

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = absl::StatusOr<v1::RecordedEvent>;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    Iterator() = default;
    explicit Iterator(EventReader* reader) : reader_(reader) { ++*this; }

    // Not of end().
    reference operator*() { return *current_; }  // NOLINT(bugprone-unchecked-optional-access): see above
    pointer operator->() { return &*current_; }  // NOLINT(bugprone-unchecked-optional-access)
    Iterator& operator++() {
      current_ = reader_->Next();
      if (!current_) reader_ = nullptr;
      return *this;
    }
    // Only to compare with end().
    bool operator==(const Iterator& other) const { return reader_ == other.reader_; }

   private:
    EventReader* reader_ = nullptr;
    std::optional<value_type> current_;
  };

  // Once: a second begin() goes on where the first one stopped.
  Iterator begin() { return Iterator(this); }
  Iterator end() { return {}; }

 private:
  std::unique_ptr<internal::ReaderState> state_;
};

}  // namespace eventstore::client
