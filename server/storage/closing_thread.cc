#include "server/storage/closing_thread.h"

#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::storage {
namespace {

// Of chunks recorded in one turn: fewer are daily business.
constexpr int kWorthALine = 64;

constexpr std::chrono::milliseconds kCancelEvery{200};

}  // namespace

ClosingThread::ClosingThread(const std::string& conninfo, ClosingThreadOptions options)
    : options_(options), closer_(conninfo, options.closer), thread_([this] { Run(); }) {}

ClosingThread::~ClosingThread() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
  // Again and again: a cancel that comes between two statements does nothing.
  while (!wake_.wait_for(lock, kCancelEvery, [&] { return ended_; })) {
    lock.unlock();
    closer_.Cancel();
    lock.lock();
  }
  lock.unlock();
  thread_.join();
}

void ClosingThread::Run() {
  std::unique_lock lock(mutex_);
  auto pause = options_.first;
  while (!wake_.wait_for(lock, pause, [&] { return stopping_.load(); })) {
    lock.unlock();
    Turn();
    lock.lock();
    pause = options_.interval;
  }
  ended_ = true;
  wake_.notify_all();
}

void ClosingThread::Turn() {
  int recorded = 0;
  int told = 0;
  for (;;) {
    auto step = Caught([&] { return closer_.Step([&] { return stopping_.load(); }); });
    if (!step.ok()) {
      if (stopping_) return;
      spdlog::warn("chunks: closing failed and is tried again in {} s: {}", options_.interval.count() / 1'000,
                   std::string(step.status().message()));
      return;
    }
    recorded += step->recorded;
    const bool finished = !step->alone || step->left == 0 || step->recorded == 0 || stopping_;
    if (recorded - told >= kWorthALine || (finished && recorded > kWorthALine)) {
      spdlog::info("chunks: {} closed, {} left", recorded, step->left);
      told = recorded;
    }
    if (finished) break;
  }
  if (recorded > 0 && told == 0) spdlog::debug("chunks: {} closed", recorded);
}

}  // namespace eventstore::storage
