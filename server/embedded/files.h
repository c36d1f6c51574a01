// Small files, read whole and replaced atomically.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace eventstore::embedded {

// nullopt when it is not there or cannot be read.
std::optional<std::string> ReadFile(const std::string& path);

// A new file beside it, synced, then renamed over it: readers see the old or the new text, and a symbolic link at
// `path` is replaced, not followed. `uid` and `gid` are set when this process is root.
absl::Status ReplaceFile(const std::string& path, const std::string& text, mode_t mode, uid_t uid, gid_t gid);

}  // namespace eventstore::embedded
