#include "tools/eventctl/load/line_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace eventstore::eventctl {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kFingerprintBytes = 4'096;
// The store takes 1 MiB of data and 64 KiB of metadata an event; escaped, JSON may be six times as long.
constexpr std::size_t kMaxLineBytes = 8 << 20;

// FNV-1a: it tells files apart, it protects nothing.
std::uint64_t Fingerprint(int fd) {
  std::array<char, kFingerprintBytes> bytes{};
  const ssize_t count = pread(fd, bytes.data(), bytes.size(), 0);
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (ssize_t i = 0; i < count; ++i) {
    hash = (hash ^ static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)])) * 1'099'511'628'211U;
  }
  return hash;
}

}  // namespace

LineReader::LineReader(int fd, bool owned, std::uint64_t total_bytes, std::uint64_t fingerprint)
    : fd_(fd), owned_(owned), total_bytes_(total_bytes), fingerprint_(fingerprint) {}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(other.fd_),
      owned_(std::exchange(other.owned_, false)),
      total_bytes_(other.total_bytes_),
      fingerprint_(other.fingerprint_),
      buffer_(std::move(other.buffer_)),
      used_(other.used_),
      searched_(other.searched_),
      ended_(other.ended_),
      place_(other.place_) {}

LineReader::~LineReader() {
  if (owned_) close(fd_);
}

absl::StatusOr<LineReader> LineReader::Open(const std::string& path) {
  const bool own = path != "-";
  const int fd = own ? open(path.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  if (fd < 0) return absl::InvalidArgumentError(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  struct stat facts{};
  const bool file = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  return LineReader(fd, own, file ? static_cast<std::uint64_t>(facts.st_size) : 0, file ? Fingerprint(fd) : 0);
}

absl::StatusOr<LineReader::Got> LineReader::Next(std::string* line, int idle_ms) {
  while (true) {
    const std::size_t end = buffer_.find('\n', searched_);
    if (end != std::string::npos) {
      line->assign(buffer_, used_, end - used_);
      place_.bytes += end + 1 - used_;
      ++place_.lines;
      used_ = searched_ = end + 1;
      return Got::kLine;
    }
    searched_ = buffer_.size();
    if (ended_) {
      if (used_ == buffer_.size()) return Got::kEnd;
      // The last line without a line end.
      line->assign(buffer_, used_);
      place_.bytes += buffer_.size() - used_;
      ++place_.lines;
      used_ = buffer_.size();
      return Got::kLine;
    }
    if (buffer_.size() - used_ > kMaxLineBytes) {
      return absl::InvalidArgumentError(
          fmt::format("line {} is longer than {} bytes, which no event can be", place_.lines + 1, kMaxLineBytes));
    }
    pollfd input{.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = poll(&input, 1, idle_ms);
    if (ready == 0) return Got::kIdle;
    if (ready < 0 && errno != EINTR)
      return absl::InternalError(fmt::format("cannot wait for input: {}", std::strerror(errno)));
    const auto filled = Fill();
    if (!filled.ok()) return filled.status();
    ended_ = !*filled;
  }
}

absl::StatusOr<bool> LineReader::Fill() {
  buffer_.erase(0, used_);
  searched_ -= used_;
  used_ = 0;
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  ssize_t count = 0;
  do {
    count = read(fd_, buffer_.data() + size, kReadBytes);
  } while (count < 0 && errno == EINTR);
  buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0) return absl::InternalError(fmt::format("cannot read the input: {}", std::strerror(errno)));
  return count > 0;
}

absl::Status LineReader::SkipTo(const Place& place) {
  if (total_bytes_ > 0 && lseek(fd_, static_cast<off_t>(place.bytes), SEEK_SET) >= 0) {
    place_ = place;
    return absl::OkStatus();
  }
  std::string line;
  while (place_.lines < place.lines) {
    const auto got = Next(&line, -1);
    if (!got.ok()) return got.status();
    if (*got == Got::kEnd)
      return absl::InvalidArgumentError("the input ends before the place that the state file names");
  }
  if (place_ != place) return absl::InvalidArgumentError("the input is not the one that the state file is about");
  return absl::OkStatus();
}

}  // namespace eventstore::eventctl
