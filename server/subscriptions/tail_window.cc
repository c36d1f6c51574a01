#include "server/subscriptions/tail_window.h"

#include <algorithm>
#include <utility>

namespace eventstore::subscriptions {
namespace {

// An event's fixed parts and the memory around its texts.
constexpr std::size_t kEventBytes = 400;
constexpr std::size_t kPageBytes = 100;

}  // namespace

void TailWindow::Restart(domain::Position position) {
  pages_.clear();
  bytes_ = 0;
  end_ = position;
}

void TailWindow::Add(TailPage page) {
  end_ = page.upto;
  page.bytes = kPageBytes;
  for (const auto& event : page.events) page.bytes += kEventBytes + event.data.size() + event.metadata.size();
  bytes_ += page.bytes;
  pages_.push_back(std::make_shared<const TailPage>(std::move(page)));
  while (bytes_ > max_bytes_ && pages_.size() > 1) {
    bytes_ -= pages_.front()->bytes;
    pages_.pop_front();
  }
}

TailPages TailWindow::After(domain::Position position) const {
  const auto first = std::ranges::upper_bound(pages_, position, {}, [](const auto& page) { return page->upto; });
  return {first, pages_.end()};
}

}  // namespace eventstore::subscriptions
