// A small file that is read again when it changes, however it is changed: written in place, replaced, or behind a link that
// is turned elsewhere, as mounted secrets are. Its contents are compared, so no clock and no file system can hide a change.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::security {

// At most `max_bytes`; more is an error.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, std::size_t max_bytes);

class RereadFile {
 public:
  struct Options {
    std::string path;
    std::size_t max_bytes = 0;
    std::chrono::milliseconds interval{1'000};
    // Takes the new contents in, or says why it keeps what it has.
    std::function<absl::Status(const std::string& text)> take;
    // One line for the operator: taken, or not and why. Once for each change.
    std::function<void(const std::string& text)> say;
    std::function<void(const std::string& text)> warn;
  };

  explicit RereadFile(Options options);
  ~RereadFile();
  RereadFile(const RereadFile&) = delete;
  RereadFile& operator=(const RereadFile&) = delete;

  // The first reading, before anything else; an error is the caller's to report.
  absl::Status Start();
  // Looks now. For tests; the thread does nothing else.
  void Look();

 private:
  void Run();

  const Options options_;
  absl::StatusOr<std::string> seen_ = std::string();  // of the thread, once it runs
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace eventstore::security
