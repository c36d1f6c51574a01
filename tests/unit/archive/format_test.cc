// The bytes of an archive: what is written is read, and what is damaged anywhere is not taken for it.
#include "server/archive/format.h"

#include <random>

#include "gmock/gmock.h"
#include "server/archive/archive_reader.h"
#include "server/archive/archive_writer.h"
#include "server/archive/file_io.h"
#include "server/archive/sha256.h"
#include "server/domain/error.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "zstd.h"

namespace eventstore::archive {
namespace {

using domain::Reason;
using ::testing::ElementsAreArray;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;

const Header kHeader{"01234567-89ab-4cde-8f01-23456789abcd", {1'577'836'800'000'000, 1'577'923'200'000'000}};

std::string EventLine(std::int64_t position, const std::string& data) {
  return R"({"id":"00000000-0000-7000-9000-000000000001","data":)" + data + R"(,"source":"api","global_position":)" +
         std::to_string(position) + "}";
}

class ArchiveFormatTest : public ::testing::Test {
 protected:
  std::string Written(const std::vector<std::string>& lines) {
    auto writer = ArchiveWriter::Create(path(), kHeader);
    EXPECT_THAT(writer, IsOk());
    for (const auto& line : lines) EXPECT_THAT((*writer)->Add(line), IsOk());
    auto footer = (*writer)->Finish();
    EXPECT_THAT(footer, IsOk());
    if (footer.ok()) footer_ = *footer;
    auto bytes = ReadSmallFile(path(), 64 << 20);
    EXPECT_THAT(bytes, IsOk());
    return *bytes;
  }

  static std::string Compressed(const std::string& text) {
    std::string bytes(ZSTD_compressBound(text.size()), '\0');
    bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 3));
    return bytes;
  }
  // A file of these lines with a footer that fits them.
  static std::string Fitting(const std::vector<std::string>& lines, std::int64_t least, std::int64_t greatest) {
    Sha256 all;
    Sha256 each;
    std::string text = HeaderLine(kHeader) + "\n";
    for (const auto& line : lines) {
      all.Add(line + "\n");
      each.Add(Sha256::BytesOf(line));
      text += line + "\n";
    }
    return Compressed(
        text + FooterLine({static_cast<std::int64_t>(lines.size()), least, greatest, all.Hex(), each.Hex()}) + "\n");
  }

  std::string path() const { return folder_.path() + "/file"; }

  const testing::TempDir folder_;
  Footer footer_;
};

TEST_F(ArchiveFormatTest, WhatIsWrittenIsRead) {
  std::vector<std::string> lines;
  for (int i = 1; i <= 3'000; ++i) {
    lines.push_back(EventLine(i * 7, i % 100 == 0 ? '"' + std::string(300'000, static_cast<char>('a' + i % 26)) + '"'
                                                  : R"({"footer":true,"k":"\n\u0001,\"global_position\":1}"})"));
  }
  const std::string bytes = Written(lines);
  std::vector<std::string> read;
  auto contents = ReadArchiveBytes(bytes, [&](std::string_view line) {
    read.emplace_back(line);
    return absl::OkStatus();
  });
  ASSERT_THAT(contents, IsOk());
  EXPECT_THAT(read, ElementsAreArray(lines));
  EXPECT_EQ(contents->header, kHeader);
  EXPECT_EQ(contents->footer, footer_);
  EXPECT_EQ(contents->footer.events, 3'000);
  EXPECT_EQ(contents->footer.least, 7);
  EXPECT_EQ(contents->footer.greatest, 21'000);
  EXPECT_EQ(contents->bytes, static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(contents->file_sha256, Sha256::Of(bytes));
}

TEST_F(ArchiveFormatTest, NoEventsAreAnArchiveToo) {
  auto contents = ReadArchiveBytes(Written({}), nullptr);
  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(contents->footer.events, 0);
  EXPECT_EQ(contents->footer.sha256, Sha256::Of(""));
}

TEST_F(ArchiveFormatTest, EveryBitCounts) {
  std::mt19937 random(7);
  std::vector<std::string> lines;
  for (int i = 1; i <= 40; ++i) lines.push_back(EventLine(i, '"' + std::to_string(random()) + '"'));
  const std::string bytes = Written(lines);
  const std::string whole_sha256 = Sha256::Of(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      auto contents = ReadArchiveBytes(damaged, nullptr);
      // Some bits mean nothing to zstd. Then what is read is what was written, and the manifest tells.
      if (contents.ok()) {
        EXPECT_EQ(contents->footer, footer_) << "byte " << i << ", bit " << bit;
        EXPECT_EQ(contents->header, kHeader) << "byte " << i << ", bit " << bit;
        EXPECT_NE(contents->file_sha256, whole_sha256);
      } else {
        EXPECT_THAT(contents, HasReason(Reason::kArchiveDamaged)) << "byte " << i << ", bit " << bit;
      }
    }
  }
}

TEST_F(ArchiveFormatTest, EveryByteCounts) {
  const std::string bytes = Written({EventLine(1, "1"), EventLine(2, "2")});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ReadArchiveBytes(bytes.substr(0, size), nullptr), HasReason(Reason::kArchiveDamaged)) << size;
  }
  EXPECT_THAT(ReadArchiveBytes(bytes + "x", nullptr), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(bytes + bytes, nullptr), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(bytes + std::string(1, '\0'), nullptr), HasReason(Reason::kArchiveDamaged));
}

TEST_F(ArchiveFormatTest, AFooterThatDoesNotFitIsDamage) {
  const std::vector<std::string> lines = {EventLine(1, "1"), EventLine(5, "2")};
  ASSERT_THAT(ReadArchiveBytes(Fitting(lines, 1, 5), nullptr), IsOk());
  EXPECT_THAT(ReadArchiveBytes(Fitting(lines, 0, 5), nullptr), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(Fitting(lines, 1, 6), nullptr), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(Fitting({lines[1], lines[0]}, 1, 5), nullptr), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(Fitting({lines[0], lines[0]}, 1, 1), nullptr), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(Fitting({lines[0], "{}"}, 1, 5), nullptr), HasReason(Reason::kArchiveDamaged));
  const std::string text = HeaderLine(kHeader) + "\n" + lines[0] + "\n" + lines[1] + "\n";
  Footer footer{2, 1, 5, Sha256::Of("other"), Sha256::Of("other")};
  EXPECT_THAT(ReadArchiveBytes(Compressed(text + FooterLine(footer) + "\n"), nullptr),
              HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(Compressed(text), nullptr), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(Compressed(""), nullptr), HasReason(Reason::kArchiveDamaged));
}

TEST_F(ArchiveFormatTest, WhatFollowsTheFooterIsDamage) {
  const std::string whole = HeaderLine(kHeader) + "\n" + FooterLine({0, 0, 0, Sha256::Of(""), Sha256::Of("")}) + "\n";
  ASSERT_THAT(ReadArchiveBytes(Compressed(whole), nullptr), IsOk());
  EXPECT_THAT(ReadArchiveBytes(Compressed(whole + EventLine(1, "1") + "\n"), nullptr),
              HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(ReadArchiveBytes(Compressed(whole + "x"), nullptr), HasReason(Reason::kArchiveDamaged));
}

TEST_F(ArchiveFormatTest, ALineWithoutEndIsNotKept) {
  // Compresses to next to nothing.
  const std::string bomb = Compressed(HeaderLine(kHeader) + "\n" + std::string(64 << 20, ' '));
  ASSERT_LT(bomb.size(), 64U << 10);
  auto refused = ReadArchiveBytes(bomb, nullptr);
  EXPECT_THAT(refused, HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(refused.status().message(), HasSubstr("too long"));
}

TEST_F(ArchiveFormatTest, AnotherVersionIsNamed) {
  std::string header = HeaderLine(kHeader);
  header.replace(header.find("\"version\":1"), 11, "\"version\":2");
  auto refused = ReadArchiveBytes(Compressed(header + "\n"), nullptr);
  EXPECT_THAT(refused, HasReason(Reason::kStoreIncompatible));
  EXPECT_THAT(refused.status().message(), HasSubstr("version 2"));
}

TEST_F(ArchiveFormatTest, ManifestsAreReadAsWritten) {
  const Manifest manifest{
      "a.jsonl.zst", 4711, Sha256::Of("file"), kHeader, {3, 5, 9, Sha256::Of("a"), Sha256::Of("b")}};
  const std::string text = ManifestText(manifest);
  auto read = ParseManifest(text);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->file, manifest.file);
  EXPECT_EQ(read->bytes, 4711);
  EXPECT_EQ(read->file_sha256, manifest.file_sha256);
  EXPECT_EQ(read->header, kHeader);
  EXPECT_EQ(read->footer, manifest.footer);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_THAT(ParseManifest(damaged), HasReason(Reason::kArchiveDamaged)) << i;
    EXPECT_THAT(ParseManifest(text.substr(0, i)), HasReason(Reason::kArchiveDamaged)) << i;
  }
}

TEST_F(ArchiveFormatTest, NamesSayWhichTimesTheyHold) {
  EXPECT_EQ(FileName(kHeader.range, 1), "events_v2-20200101T000000Z-20200102T000000Z.jsonl.zst");
  EXPECT_EQ(FileName(kHeader.range, 2), "events_v2-20200101T000000Z-20200102T000000Z-2.jsonl.zst");
}

}  // namespace
}  // namespace eventstore::archive
