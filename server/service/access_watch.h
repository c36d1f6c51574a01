// Ends open streams whose callers may no longer have them: a key that was taken out, a token that expired, rights that
// changed. Calls are judged when they come; without this a subscriber would hear for as long as it stays connected.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/service/admission.h"
#include "server/service/open_streams.h"

namespace eventstore::service {

class AccessWatch {
 public:
  // How much longer a stream may last than what it was admitted with. A look costs a hash and, of keys, a comparison with
  // each that is known; for each open stream.
  static constexpr std::chrono::milliseconds kInterval{5'000};

  // Both outlive it.
  AccessWatch(const Gate& gate, OpenStreams& streams);
  ~AccessWatch();
  AccessWatch(const AccessWatch&) = delete;
  AccessWatch& operator=(const AccessWatch&) = delete;

 private:
  void Run();

  const Gate& gate_;
  OpenStreams& streams_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace eventstore::service
