#include "tests/support/temp_dir.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace eventstore::testing {

TempDir::TempDir() {
  const char* parent = getenv("TMPDIR");
  path_ = std::string(parent != nullptr && *parent != '\0' ? parent : "/tmp") + "/eventstore-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr || chmod(path_.c_str(), 0755) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make a folder " + path_);
  }
}

TempDir::~TempDir() {
  std::error_code ignored;  // a folder left behind in /tmp is no reason to fail a test
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace eventstore::testing
