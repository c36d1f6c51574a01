#include "server/storage/legacy/row_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::storage {
namespace {

absl::Status FileError(std::string_view doing, const std::string& path) {
  return domain::ErrorOf(domain::Reason::kInternal,
                         fmt::format("could not {} {}: {}; mend it and try again", doing, path, std::strerror(errno)));
}

absl::Status Damaged(const std::string& path, std::string_view what) {
  return domain::ErrorOf(domain::Reason::kInternal, fmt::format("{} is damaged: {}", path, what));
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { Restart(); }
  void Add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  // Ready for the next text then.
  std::array<unsigned char, 32> Take() {
    std::array<unsigned char, 32> bytes{};
    EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr);
    Restart();
    return bytes;
  }

 private:
  void Restart() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// gcc has them as an extension only, which is not to be warned of. 2^64 rows fit.
__extension__ typedef __int128 Int128;            // NOLINT(modernize-use-using): `using` has no __extension__
__extension__ typedef unsigned __int128 Uint128;  // NOLINT(modernize-use-using)

// As PostgreSQL adds up bigints into a numeric.
class LineDigest {
 public:
  void Add(std::string_view line) {
    sha_.Add(line);
    const auto bytes = sha_.Take();
    std::uint64_t first = 0;
    for (int i = 0; i < 8; ++i) first = (first << 8) | bytes.at(i);
    sum_ += static_cast<std::int64_t>(first);
    ++rows_;
  }
  std::int64_t rows() const { return rows_; }
  std::string Text() const {
    const bool negative = sum_ < 0;
    auto rest = static_cast<Uint128>(negative ? -sum_ : sum_);
    std::string digits;
    do {
      digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
      rest /= 10;
    } while (rest > 0);
    return (negative ? "-" : "") + digits;
  }

 private:
  Sha256 sha_;
  std::int64_t rows_ = 0;
  Int128 sum_ = 0;
};

std::string Hex(const std::array<unsigned char, 32>& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Sync(const std::string& path, int flags) {
  const Descriptor file(open(path.c_str(), flags | O_CLOEXEC));
  if (file.get() < 0 || fsync(file.get()) != 0) return FileError("write to the disk", path);
  return absl::OkStatus();
}

}  // namespace

struct RowFileWriter::State {
  State(std::string name, int fd) : path(std::move(name)), file(fd) {}
  ~State() { ZSTD_freeCCtx(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const std::string path;
  Descriptor file;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<char> out = std::vector<char>(ZSTD_CStreamOutSize());
  LineDigest lines;
  Sha256 file_sha;
  std::int64_t bytes = 0;
};

RowFileWriter::RowFileWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RowFileWriter::~RowFileWriter() = default;

absl::StatusOr<std::unique_ptr<RowFileWriter>> RowFileWriter::Create(const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return FileError("make", path);
  auto state = std::make_unique<State>(path, fd);
  ZSTD_CCtx_setParameter(state->context, ZSTD_c_checksumFlag, 1);
  return std::unique_ptr<RowFileWriter>(new RowFileWriter(std::move(state)));
}

absl::Status RowFileWriter::Compress(std::string_view bytes, bool last) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{state_->out.data(), state_->out.size(), 0};
    const std::size_t left = ZSTD_compressStream2(state_->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) return Damaged(state_->path, ZSTD_getErrorName(left));
    for (std::size_t done = 0; done < out.pos;) {
      const ssize_t wrote = write(state_->file.get(), state_->out.data() + done, out.pos - done);
      if (wrote < 0 && errno != EINTR) return FileError("write", state_->path);
      if (wrote > 0) done += static_cast<std::size_t>(wrote);
    }
    state_->file_sha.Add({state_->out.data(), out.pos});
    state_->bytes += static_cast<std::int64_t>(out.pos);
    if (last ? left == 0 : in.pos == in.size) return absl::OkStatus();
  }
}

absl::Status RowFileWriter::Add(std::string_view line) {
  state_->lines.Add(line);
  if (absl::Status added = Compress(line, false); !added.ok()) return added;
  return Compress("\n", false);
}

absl::StatusOr<RowFileFacts> RowFileWriter::Finish() {
  if (absl::Status ended = Compress("", true); !ended.ok()) return ended;
  if (fsync(state_->file.get()) != 0) return FileError("write to the disk", state_->path);
  return RowFileFacts{state_->lines.rows(), state_->lines.Text(), state_->bytes, Hex(state_->file_sha.Take())};
}

absl::StatusOr<RowFileFacts> ReadRowFile(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError("open", path);
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  std::vector<char> in(ZSTD_DStreamInSize()), out(ZSTD_DStreamOutSize());
  RowFileFacts facts;
  LineDigest lines;
  Sha256 sha;
  std::string line;
  std::size_t left = 1;  // 0: a frame has ended
  for (;;) {
    const ssize_t got = read(file.get(), in.data(), in.size());
    if (got < 0) return FileError("read", path);
    if (got == 0) break;
    sha.Add({in.data(), static_cast<std::size_t>(got)});
    facts.bytes += got;
    ZSTD_inBuffer input{in.data(), static_cast<std::size_t>(got), 0};
    bool full = true;
    while (input.pos < input.size || full) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      left = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(left)) return Damaged(path, ZSTD_getErrorName(left));
      full = output.pos == output.size;
      for (std::string_view rest(out.data(), output.pos); !rest.empty();) {
        const std::size_t end = rest.find('\n');
        line += rest.substr(0, end);
        if (end == std::string_view::npos) break;
        lines.Add(line);
        line.clear();
        rest.remove_prefix(end + 1);
      }
    }
  }
  if (left != 0 || !line.empty()) return Damaged(path, "its end is missing");
  facts.rows = lines.rows();
  facts.digest = lines.Text();
  facts.sha256 = Hex(sha.Take());
  return facts;
}

absl::Status FinishRowFile(const std::string& unfinished, const std::string& path, const std::string& sha256) {
  const std::filesystem::path target(path);
  const std::string sum = path + ".sha256";
  {
    const Descriptor file(open(sum.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
    const std::string text = fmt::format("{}  {}\n", sha256, target.filename().string());
    if (file.get() < 0 || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        fsync(file.get()) != 0) {
      return FileError("write", sum);
    }
  }
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) return FileError("rename", unfinished);
  const std::string folder = target.has_parent_path() ? target.parent_path().string() : ".";
  return Sync(folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace eventstore::storage
