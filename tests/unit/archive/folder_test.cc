// Files and their names.
#include "server/archive/folder.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "server/domain/error.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace eventstore::archive {
namespace {

using domain::Reason;
using testing::HasReason;
using testing::IsOk;

class FolderTest : public ::testing::Test {
 protected:
  absl::StatusOr<Manifest> Write(const Folder& folder, const Folder::Before& before = nullptr) {
    return folder.Write(
        kHeader,
        [](ArchiveWriter& writer) {
          return writer.Add(R"({"id":"00000000-0000-7000-9000-000000000001","global_position":5})");
        },
        before);
  }

  std::string path() const { return folder_.path() + "/archive"; }

  const Header kHeader{"01234567-89ab-4cde-8f01-23456789abcd", {1'577'836'800'000'000, 1'577'923'200'000'000}};
  const testing::TempDir folder_;
};

TEST_F(FolderTest, FilesOfOneRangeGetNumbers) {
  auto folder = Folder::OpenToWrite(path());
  ASSERT_THAT(folder, IsOk());
  auto first = Write(*folder);
  auto second = Write(*folder);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_NE(first->file, second->file);
  auto entries = folder->List();
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 2U);
  for (const Entry& entry : *entries) {
    EXPECT_THAT(entry.whole, IsOk());
    EXPECT_THAT(folder->Verify(entry.file, nullptr), IsOk());
  }
}

TEST_F(FolderTest, WhatWasLeftBeforeANameIsNoArchive) {
  auto folder = Folder::OpenToWrite(path());
  ASSERT_THAT(folder, IsOk());
  for (const std::string step : {"read back", "write manifest", "name manifest", "name file"}) {
    auto killed = Write(*folder, [&](const char* now) {
      return now == step ? domain::ErrorOf(Reason::kInternal, "killed") : absl::OkStatus();
    });
    EXPECT_FALSE(killed.ok());
    auto entries = folder->List();
    ASSERT_THAT(entries, IsOk());
    EXPECT_TRUE(entries->empty()) << step;
  }
  ASSERT_THAT(Write(*folder), IsOk());
  // Two files and nothing else.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path()), {}), 2);
}

TEST_F(FolderTest, WhatIsNotAsItsManifestSaysIsNamed) {
  auto folder = Folder::OpenToWrite(path());
  ASSERT_THAT(folder, IsOk());
  auto manifest = Write(*folder);
  ASSERT_THAT(manifest, IsOk());
  const std::string file = folder->PathOf(manifest->file);
  const auto whole = [&] { return folder->List()->front().whole; };
  std::filesystem::rename(file + ".manifest", file + ".away");
  EXPECT_THAT(whole(), HasReason(Reason::kArchiveUnavailable));
  std::filesystem::rename(file + ".away", file + ".manifest");
  EXPECT_THAT(whole(), IsOk());
  std::ofstream(file, std::ios::app) << "x";
  EXPECT_THAT(whole(), HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(folder->Verify(manifest->file, nullptr), HasReason(Reason::kArchiveDamaged));
  std::filesystem::remove(file);
  EXPECT_FALSE(whole().ok());
}

TEST_F(FolderTest, AFolderThatOthersMayWriteToIsRefused) {
  ASSERT_THAT(Folder::OpenToWrite(path()), IsOk());
  chmod(path().c_str(), 0777);
  EXPECT_THAT(Folder::OpenToWrite(path()), HasReason(Reason::kArchiveUnavailable));
  EXPECT_THAT(Folder::OpenToWrite(folder_.path() + "/not/there"), HasReason(Reason::kArchiveUnavailable));
}

}  // namespace
}  // namespace eventstore::archive
