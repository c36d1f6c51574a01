#include "server/service/quotas.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::service {
namespace {

using domain::Reason;
using domain::TokenBucket;

// When a call or stream may end is its client's to know.
constexpr std::chrono::milliseconds kWhileUnderWay{1'000};

absl::Status Refused(Reason reason, const std::string& who, const char* limit, int max, const std::string& what,
                     std::chrono::milliseconds wait) {
  domain::Error error;
  error.reason = reason;
  error.message =
      fmt::format("{} {}; the limit is {} (setting {}). Nothing was done; come back later", who, what, max, limit);
  error.metadata = {{"identity", who}, {"limit", limit}, {"max", std::to_string(max)}, {"setting", limit}};
  error.retry_after_ms = std::max<std::int64_t>(wait.count(), 1);
  return domain::ToStatus(error);
}

std::optional<TokenBucket> BucketOf(int per_second, domain::MonotonicTime now) {
  if (per_second == 0) return std::nullopt;
  return TokenBucket(per_second, now);
}

}  // namespace

struct Quotas::Entry {
  std::string name;
  std::optional<TokenBucket> requests;
  std::optional<TokenBucket> appends;
  int calls = 0;
  int streams = 0;
  Entries::iterator self{};

  bool busy() const { return calls + streams > 0; }
};

Quotas::Quotas(QuotaOptions options, const domain::Clock& clock) : options_(options), clock_(clock) {}

Quotas::~Quotas() = default;

std::size_t Quotas::remembered() const {
  const std::scoped_lock lock(mutex_);
  return by_name_.size();
}

Quotas::Entry* Quotas::Find(std::string_view who) {
  if (const auto known = by_name_.find(who); known != by_name_.end()) return &*known->second;
  if (by_name_.size() >= options_.remembered) {
    if (idle_.empty()) return nullptr;
    by_name_.erase(idle_.back().name);
    idle_.pop_back();
  }
  const auto now = clock_.Monotonic();
  Entry& made = idle_.emplace_front();
  made.name = std::string(who);
  made.requests = BucketOf(options_.max_requests_per_second, now);
  made.appends = BucketOf(options_.max_appends_per_second, now);
  made.self = idle_.begin();
  by_name_.emplace(made.name, made.self);
  return &made;
}

absl::StatusOr<Quotas::PassPtr> Quotas::Enter(bool stream, const std::function<std::string()>& who) {
  const int most = stream ? options_.max_streams_per_identity : options_.max_calls_in_flight;
  const int appends = options_.max_appends_per_second;
  if (most == 0 && options_.max_requests_per_second == 0 && appends == 0) return PassPtr();
  const std::string name = who();
  const std::scoped_lock lock(mutex_);
  Entry* entry = Find(name);
  if (entry == nullptr) {
    return Refused(Reason::kTooManyCalls, name, "remembered_identities", static_cast<int>(options_.remembered),
                   "is one more than the server can keep apart", kWhileUnderWay);
  }
  if (entry->requests) {
    if (const auto wait = entry->requests->Take(1, clock_.Monotonic())) {
      return Refused(Reason::kRateLimited, entry->name, "max_requests_per_second", options_.max_requests_per_second,
                     "sends more requests a second than it may", *wait);
    }
  }
  int& held = stream ? entry->streams : entry->calls;
  if (most > 0 && held >= most) {
    return Refused(Reason::kTooManyCalls, entry->name, stream ? "max_streams_per_identity" : "max_calls_in_flight",
                   most, stream ? "has too many streams open" : "has too many calls under way", kWhileUnderWay);
  }
  if (!entry->busy()) busy_.splice(busy_.begin(), idle_, entry->self);
  ++held;
  return std::make_shared<const Pass>(*this, *entry, stream);
}

void Quotas::Leave(Entry& entry, bool stream) {
  const std::scoped_lock lock(mutex_);
  --(stream ? entry.streams : entry.calls);
  if (!entry.busy()) idle_.splice(idle_.begin(), busy_, entry.self);
}

absl::Status Quotas::TakeAppends(Entry& entry, std::size_t count) {
  if (options_.max_appends_per_second == 0) return absl::OkStatus();
  const std::scoped_lock lock(mutex_);
  const auto wait = entry.appends->Take(static_cast<double>(count), clock_.Monotonic());
  if (!wait) return absl::OkStatus();
  return Refused(Reason::kRateLimited, entry.name, "max_appends_per_second", options_.max_appends_per_second,
                 "appends more often a second than it may", *wait);
}

std::string AddressOf(std::string_view peer) {
  const auto scheme = peer.find(':');
  const auto port = peer.rfind(':');
  if (scheme == std::string_view::npos || port <= scheme) return std::string(peer);
  std::string host(peer.substr(scheme + 1, port - scheme - 1));
  if (!peer.starts_with("ipv6:")) return host;
  // gRPC writes the brackets as %5B and %5D.
  for (const std::string_view bracket : {"%5B", "%5D", "[", "]"}) {
    if (const auto at = host.find(bracket); at != std::string::npos) host.erase(at, bracket.size());
  }
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return host;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    return inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
  }
  std::fill(address.s6_addr + 8, address.s6_addr + 16, std::uint8_t{0});
  return std::string(inet_ntop(AF_INET6, &address, text.data(), text.size())) + "/64";
}

}  // namespace eventstore::service
