#include "server/service/access_watch.h"

namespace eventstore::service {

AccessWatch::AccessWatch(const Gate& gate, OpenStreams& streams)
    : gate_(gate), streams_(streams), thread_([this] { Run(); }) {}

AccessWatch::~AccessWatch() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void AccessWatch::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    streams_.CloseThose([this](const Admission& admission) { return gate_.StillAdmits(admission); });
    lock.lock();
  }
}

}  // namespace eventstore::service
