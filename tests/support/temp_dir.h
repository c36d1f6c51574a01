// A fresh folder that is removed with everything in it.
#pragma once

#include <string>

namespace eventstore::testing {

// Below TMPDIR or else /tmp. Its mode is 0755, so that a PostgreSQL that may not run as root can enter it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace eventstore::testing
