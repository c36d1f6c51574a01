// Ends connections of a port that last too long. cpp-httplib waits for each byte of a request anew, so a client that sends
// one a second keeps one of its few threads for as long as it likes, and it has no hook that tells of a connection before
// its request is whole. So this looks at the sockets of the process itself, once a second: those that have been open on
// the port for longer than allowed are shut down, and their threads find the end of the stream.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "server/domain/clock.h"

namespace eventstore::observability {

class ConnectionAge {
 public:
  // `port`: of this process, on any of its addresses.
  ConnectionAge(int port, std::chrono::milliseconds most, const domain::Clock& clock);
  ~ConnectionAge();
  ConnectionAge(const ConnectionAge&) = delete;
  ConnectionAge& operator=(const ConnectionAge&) = delete;

 private:
  void Run();
  void Look();

  const int port_;
  const std::chrono::milliseconds most_;
  const domain::Clock& clock_;
  // Of the thread: sockets by their inode, and since when they are known.
  std::map<ino_t, domain::MonotonicTime> known_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace eventstore::observability
