// Every bound on a request, in one place. Each is stated in the proto files; change both together.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eventstore::domain {

inline constexpr std::size_t kMaxEventTypeBytes = 200;
inline constexpr std::size_t kMaxUserIdBytes = 200;
inline constexpr std::size_t kMaxAggregateTypeBytes = 100;
inline constexpr std::size_t kMaxSourceBytes = 100;

// Of the form PostgreSQL prints, which can be longer than what was sent: "1e300" is printed with 301 digits.
inline constexpr std::size_t kMaxDataBytes = 1 << 20;
inline constexpr std::size_t kMaxMetadataBytes = 64 << 10;
inline constexpr int kMaxJsonDepth = 100;
inline constexpr int kMaxJsonExponent = 308;

inline constexpr std::size_t kMaxEventsPerRequest = 10'000;
inline constexpr std::size_t kMaxAppendsPerBatch = 1'000;
inline constexpr std::size_t kMaxChecksPerBatch = 1'000;
// Sum of data and metadata, in normal form, over a request.
inline constexpr std::size_t kMaxRequestBytes = 16 << 20;

inline constexpr std::size_t kMaxItemsPerMessage = 1'000;
// Of one AppendStream. What a message brings beyond that is taken in, but no further message is read.
inline constexpr std::size_t kMaxWaitingItems = 1'000;
inline constexpr std::size_t kMaxWaitingBytes = 4 << 20;

inline constexpr std::size_t kMaxFilterValues = 100;
inline constexpr std::size_t kMaxMetadataFilterBytes = 1'000;  // of a key, and of a value
inline constexpr int kMaxHeartbeatSeconds = 300;
inline constexpr int kDefaultHeartbeatSeconds = 10;
inline constexpr std::size_t kMaxSubscriptions = 10'000;  // of one server
inline constexpr int kMaxDays = 36'500;
inline constexpr int kDefaultUserStreamDays = 30;
inline constexpr std::size_t kMaxGroups = 10'000;

// Consumer groups.
inline constexpr std::size_t kMaxGroupNameBytes = 100;
inline constexpr std::size_t kMaxConsumerNameBytes = 100;
inline constexpr std::size_t kMaxParkReasonBytes = 1'000;
inline constexpr int kMaxBuckets = 1'024;
inline constexpr int kDefaultBuckets = 64;
inline constexpr int kMinAckTimeoutMs = 100;
inline constexpr int kMaxAckTimeoutMs = 3'600'000;
inline constexpr int kDefaultAckTimeoutMs = 30'000;
inline constexpr int kMaxDeliveries = 1'000;
inline constexpr int kDefaultDeliveries = 10;
inline constexpr int kMaxRetryPauseMs = 60'000;
inline constexpr int kDefaultRetryPauseMs = 500;
inline constexpr int kMaxInFlight = 10'000;
inline constexpr int kDefaultInFlight = 100;
inline constexpr std::size_t kMaxAnswersPerMessage = 10'000;
inline constexpr std::size_t kMaxConsumers = 10'000;  // of one server
inline constexpr int kMaxListed = 1'000;              // groups or parked events on a page
inline constexpr int kDefaultListed = 100;
inline constexpr std::size_t kMaxParkedIds = 1'000;
inline constexpr std::int64_t kMaxLagCounted = 10'000;

// The housekeeper.
inline constexpr std::size_t kMaxTaskNameBytes = 100;
inline constexpr std::size_t kMaxRunErrorBytes = 2'000;  // what is longer is cut when it is recorded

// Of a streamed page. A page holds at least one event, so it may exceed the bytes by one event.
inline constexpr int kMaxPageEvents = 1'000;
inline constexpr std::size_t kMaxPageBytes = 1 << 20;

}  // namespace eventstore::domain
