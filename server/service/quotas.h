// What one identity may ask of a server at a time: requests and appends a second, calls and streams under way. An identity
// is a name that was proven, or without auth the address that calls come from; never what a client merely says.
//
// Memory is bounded: so many identities are remembered, those with calls under way first, then those seen last. Who was
// forgotten begins anew, with a full bucket.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/domain/token_bucket.h"

namespace eventstore::service {

// Each is the setting of its name; 0: not limited.
struct QuotaOptions {
  int max_requests_per_second = 0;
  int max_appends_per_second = 0;
  int max_calls_in_flight = 0;
  int max_streams_per_identity = 0;
  std::size_t remembered = 10'000;
};

// Thread-safe. Outlives every pass.
class Quotas {
 private:
  struct Entry;

 public:
  Quotas(QuotaOptions options, const domain::Clock& clock);
  ~Quotas();

  // What a call holds while it is under way.
  class Pass {
   public:
    Pass(Quotas& quotas, Entry& entry, bool stream) : quotas_(quotas), entry_(entry), stream_(stream) {}
    ~Pass() { quotas_.Leave(entry_, stream_); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

    // RATE_LIMITED, or `count` appends are taken.
    absl::Status TakeAppends(std::size_t count) const { return quotas_.TakeAppends(entry_, count); }

   private:
    Quotas& quotas_;
    Entry& entry_;
    const bool stream_;
  };
  using PassPtr = std::shared_ptr<const Pass>;

  // A call arrives; `stream`: one that lasts as long as its client likes. `who` is asked only if it matters. RATE_LIMITED, TOO_MANY_CALLS, or null where
  // nothing is limited.
  absl::StatusOr<PassPtr> Enter(bool stream, const std::function<std::string()>& who);

  // Identities remembered, for tests and metrics.
  std::size_t remembered() const;

 private:
  using Entries = std::list<Entry>;

  Entry* Find(std::string_view who);  // holding mutex_; null: too many have calls under way
  void Leave(Entry& entry, bool stream);
  absl::Status TakeAppends(Entry& entry, std::size_t count);

  const QuotaOptions options_;
  const domain::Clock& clock_;
  mutable std::mutex mutex_;
  // Last used first. Only those without a call under way may be forgotten.
  Entries idle_;
  Entries busy_;
  std::unordered_map<std::string_view, Entries::iterator> by_name_;  // views of the entries' names
};

// "ipv4:192.0.2.1:5555" is "192.0.2.1": a client has many ports. Of IPv6 the first 64 bits, which is what one host has.
std::string AddressOf(std::string_view peer);

}  // namespace eventstore::service
