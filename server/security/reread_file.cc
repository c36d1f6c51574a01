#include "server/security/reread_file.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "server/domain/error.h"

namespace eventstore::security {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, std::size_t max_bytes) {
  std::ifstream in(path, std::ios::binary);
  std::string text(max_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  // The end of the file is no failure; a folder opens and then cannot be read.
  if (!in.is_open() || in.bad() || (in.fail() && !in.eof())) {
    return domain::ErrorOf(domain::Reason::kInvalidRequest, "it cannot be read");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > max_bytes) {
    return domain::ErrorOf(domain::Reason::kInvalidRequest, fmt::format("it has more than {} bytes", max_bytes));
  }
  return text;
}

RereadFile::RereadFile(Options options) : options_(std::move(options)) {}

RereadFile::~RereadFile() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::Status RereadFile::Start() {
  seen_ = ReadSmallFile(options_.path, options_.max_bytes);
  const absl::Status taken = seen_.ok() ? options_.take(*seen_) : seen_.status();
  if (!taken.ok()) {
    return domain::ErrorOf(domain::FromStatus(taken).reason,
                           fmt::format("{}: {}", options_.path, std::string(taken.message())));
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void RereadFile::Look() {
  auto now = ReadSmallFile(options_.path, options_.max_bytes);
  if (now.ok() ? seen_.ok() && *now == *seen_ : now.status() == seen_.status()) return;
  seen_ = std::move(now);
  const absl::Status taken = seen_.ok() ? options_.take(*seen_) : seen_.status();
  if (taken.ok()) {
    options_.say(fmt::format("{} has changed and was read again", options_.path));
  } else {
    options_.warn(fmt::format("{} has changed and is not used: {}. What it held before stays in force; correct it",
                              options_.path, std::string(taken.message())));
  }
}

void RereadFile::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, options_.interval, [this] { return stopping_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

}  // namespace eventstore::security
