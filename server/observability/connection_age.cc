#include "server/observability/connection_age.h"

#include <sys/socket.h>

#include <utility>

#include "server/observability/own_sockets.h"

namespace eventstore::observability {
namespace {

constexpr std::chrono::seconds kInterval{1};

}  // namespace

ConnectionAge::ConnectionAge(int port, std::chrono::milliseconds most, const domain::Clock& clock)
    : port_(port), most_(most), clock_(clock), thread_([this] { Run(); }) {}

ConnectionAge::~ConnectionAge() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void ConnectionAge::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

void ConnectionAge::Look() {
  const auto now = clock_.Monotonic();
  std::map<ino_t, domain::MonotonicTime> seen;
  ForEachConnection(port_, [&](const OwnSocket& socket) {
    const auto known = known_.find(socket.inode);
    const auto since = known == known_.end() ? now : known->second;
    seen.emplace(socket.inode, since);
    if (now - since >= most_) shutdown(socket.descriptor, SHUT_RDWR);
  });
  known_ = std::move(seen);
}

}  // namespace eventstore::observability
