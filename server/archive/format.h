// What is in an archive file. It describes itself: zstd, jq and sha256sum are enough to read and to check one.
//
//   events_v2-20260801T000000Z-20260802T000000Z.jsonl.zst
//
// One zstd frame with its own checksum. In it lines of JSON, each ended by \n:
//
//   header   {"format":"eventstore-archive","version":1,"store_id":"<uuid>","table":"events_v2",
//             "range_start":"2026-08-01T00:00:00.000000Z","range_end":"...","columns":["id","timestamp",...]}
//   events   {"id":"...","timestamp":"2026-08-01T00:00:00.000123+00:00",...,"data":{...},...,"global_position":4711}
//            one a line, by ascending global_position, every column of the table, null where it is NULL
//   footer   {"footer":true,"events":2,"min_position":4711,"max_position":4712,"sha256":"...","digest":"..."}
//
// Files of other tables that are cut by time are the same, with their table and columns in the header, their table in the
// manifest, and as the last member of a line its number in the file, "archive_line", which the positions then are.
//
// sha256: of all event lines with their line ends (zstdcat FILE | sed '1d;$d' | sha256sum). digest: SHA-256 of the
// SHA-256s of the lines without their ends, which PostgreSQL can compute from the table (server/storage/event_lines.h).
// The positions are 0 when there are no events.
//
// Beside it stands <file>.manifest, two lines: the facts about the file, with its own size and SHA-256, and the SHA-256
// of that line. It saves opening the file for a list, and tells a file that was damaged from one that is another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/domain/time.h"

namespace eventstore::archive {

inline constexpr int kFormatVersion = 1;
// The longest line a reader takes. An event is far below: its payload is at most domain::kMaxDataBytes and
// kMaxMetadataBytes.
inline constexpr std::size_t kMaxLineBytes = 8 << 20;

// The columns of events_v2, in the order of the lines.
const std::vector<std::string>& EventColumns();

inline constexpr char kEventsTable[] = "events_v2";

struct Header {
  std::string store_id;
  domain::TimeRange range;  // of the chunk
  std::string table = kEventsTable;
  std::vector<std::string> columns = {};  // of another table; not in the manifest

  bool operator==(const Header& other) const {
    return store_id == other.store_id && range.from == other.range.from && range.to == other.range.to &&
           table == other.table;
  }
};

struct Footer {
  std::int64_t events = 0;
  domain::Position least = 0;
  domain::Position greatest = 0;
  std::string sha256;
  std::string digest;

  bool operator==(const Footer&) const = default;
};

struct Manifest {
  std::string file;  // its name, without folder
  std::int64_t bytes = 0;
  std::string file_sha256;
  Header header;
  Footer footer;
};

// Lines without their ends.
std::string HeaderLine(const Header& header);
std::string FooterLine(const Footer& footer);
bool IsFooterLine(std::string_view line);
absl::StatusOr<Header> ParseHeader(std::string_view line);
absl::StatusOr<Footer> ParseFooter(std::string_view line);
// The position of an event line, or the number of a line of another table, which is its last member.
absl::StatusOr<domain::Position> PositionOf(std::string_view line);

// The whole file.
std::string ManifestText(const Manifest& manifest);
absl::StatusOr<Manifest> ParseManifest(std::string_view text);

// "events_v2-20260801T000000Z-20260802T000000Z.jsonl.zst"; a number before .jsonl from the second of a range on.
// Of another table with its name in front, of which odd letters become "_".
std::string FileName(const domain::TimeRange& range, int number, const std::string& table = kEventsTable);

// What is wrong with a file, and what to do.
absl::Status Damaged(std::string_view what);

}  // namespace eventstore::archive
