// A read in bounded pages. Between pages nothing is held: no transaction, no connection, no lock. A cursor moves only
// when a page was read, so a page that failed can be read again.
#pragma once

#include <algorithm>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/limits.h"
#include "server/domain/query.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {

struct Page {
  std::vector<domain::RecordedEvent> events;
  bool last = false;  // nothing follows; a last page may be empty
  bool more = false;  // the cursor holds something else for this page, so it is one although it has no events
};

// Rows and bytes a page may still take. Events may be large, so the number of rows asked for starts small and doubles
// while the bytes allow it, and while whoever reads keeps up.
class PageBudget {
 public:
  explicit PageBudget(std::int64_t max_events) : left_(max_events) {}

  int rows(std::size_t have) const;
  std::size_t bytes() const { return bytes_; }
  bool exhausted() const { return left_ <= 0; }
  // How many chunks are worth naming at once: each holds an event at least, and a page or two of them is enough.
  int chunks() const { return static_cast<int>(std::clamp<std::int64_t>(left_, 1, kMostChunks)); }
  // Pages stay as small as the first, or become so again.
  void KeepSmall(bool small) { small_ = small; }
  void LimitBytes(std::size_t bytes) { bytes_ = bytes; }
  // After a page: `cut` when its bytes, not its rows, ended it.
  void Took(std::size_t events, bool cut);

 private:
  static constexpr int kFirstRows = 128;
  static constexpr std::int64_t kMostChunks = 1024;
  std::int64_t left_;
  int rows_ = kFirstRows;
  std::size_t bytes_ = domain::kMaxPageBytes;
  bool small_ = false;
};

class Cursor {
 public:
  explicit Cursor(std::int64_t max_events) : budget_(max_events) {}
  virtual ~Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  virtual absl::StatusOr<Page> Next(Session& session) = 0;
  // Lists the chunks anew for the next page, which goes on where the last one ended.
  virtual void Relist() = 0;
  // For a reader that does not keep up: a page waits in memory until it is taken.
  void KeepPagesSmall(bool small) { budget_.KeepSmall(small); }
  void LimitPages(std::size_t bytes) { budget_.LimitBytes(bytes); }

 protected:
  PageBudget budget_;
};

// Next, and again when ReadAgain() says so.
absl::StatusOr<Page> NextPage(Cursor& cursor, Session& session, ChunkCatalog& chunks);

// Whether reading again may succeed: the connection had died unnoticed, a chunk was dropped since it was listed (the
// list is forgotten then), or the read ended a deadlock with such a drop.
bool ReadAgain(const absl::Status& status, ChunkCatalog& chunks);

// `read()`, repeated while ReadAgain() says so. One drop can cost two tries: the deadlock, and then the chunk that is
// gone. A connection that is lost twice is not waited for.
template <typename Read>
auto ReadWithRetries(ChunkCatalog& chunks, const Read& read) {
  auto result = Caught(read);
  for (int tries = 1; !result.ok() && ReadAgain(result.status(), chunks); ++tries) {
    if (tries >= (IsConnectionLost(result.status()) ? 2 : 4)) break;
    result = Caught(read);
  }
  return result;
}

}  // namespace eventstore::storage
