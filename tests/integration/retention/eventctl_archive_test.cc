// eventctl archive, as people and scripts use it.
#include <fstream>
#include <sstream>

#include "nlohmann/json.hpp"
#include "tests/integration/retention/retention_fixture.h"
#include "tools/eventctl/commands/commands.h"

namespace eventstore::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EventctlArchiveTest : public RetentionTest {
 protected:
  struct Done {
    int exit_code = -1;
    std::string out;
    std::string err;
  };

  EventctlArchiveTest() {
    Past(5, 30).Insert(database_);
    Close();
    before_ = Everything();
    EXPECT_THAT(Run(Options(2)), IsOk());
  }

  static Done Eventctl(std::vector<std::string> args, bool json = false) {
    std::ostringstream out;
    std::ostringstream err;
    eventctl::Context context{.out = out, .err = err, .out_terminal = {}, .err_terminal = {}};
    context.json = json;
    CLI::App app;
    eventctl::AddArchive(app, context);
    std::ranges::reverse(args);
    app.parse(args);
    return {context.exit_code, out.str(), err.str()};
  }

  void Damage() const {
    std::fstream bytes(archive_dir() + "/" + Files()[1].file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(150);
    bytes.put('!');
  }

  std::string before_;
};

TEST_F(EventctlArchiveTest, ListsAndVerifies) {
  for (const char* command : {"list", "verify"}) {
    const Done done = Eventctl({"archive", command, "--dir", archive_dir()});
    EXPECT_EQ(done.exit_code, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr("3 files, 90 events"));
    EXPECT_THAT(done.out, HasSubstr(Files().front().file));
    const auto json = nlohmann::json::parse(Eventctl({"archive", command, "--dir", archive_dir()}, true).out);
    EXPECT_EQ(json["ok"], true);
    EXPECT_EQ(json["events"], 90);
    EXPECT_EQ(json["files"].size(), 3U);
    EXPECT_EQ(json["files"][0]["min_position"], 1);
  }
}

TEST_F(EventctlArchiveTest, ADamagedFileIsFoundByReading) {
  Damage();
  EXPECT_EQ(Eventctl({"archive", "list", "--dir", archive_dir()}).exit_code, 0);
  const Done done = Eventctl({"archive", "verify", "--dir", archive_dir()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.out, HasSubstr("1 DAMAGED"));
  EXPECT_THAT(done.err, HasSubstr(Files()[1].file));
  const auto json = nlohmann::json::parse(Eventctl({"archive", "verify", "--dir", archive_dir()}, true).out);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["files"][1]["ok"], false);
}

TEST_F(EventctlArchiveTest, Restores) {
  const std::vector<std::string> restore = {"archive",     "restore",    "--dir",
                                            archive_dir(), "--database", database_.conninfo()};
  const Done done = Eventctl(restore);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("90 events restored from 3 files"));
  EXPECT_EQ(Everything(), before_);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 150);
  // Again: nothing is gone.
  EXPECT_NE(Eventctl(restore).exit_code, 0);
}

TEST_F(EventctlArchiveTest, RestoresFromATimeOn) {
  const std::string from = Text(
      "SELECT to_char(range_start + interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI\"Z\"') FROM "
      "archived_chunks ORDER BY range_start OFFSET 1 LIMIT 1");
  const Done done = Eventctl(
      {"archive", "restore", "--dir", archive_dir(), "--database", database_.conninfo(), "--from", from}, true);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(nlohmann::json::parse(done.out)["inserted"], 60);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 120);
}

TEST_F(EventctlArchiveTest, AFolderThatIsNotThereIsNamed) {
  const Done done = Eventctl({"archive", "list", "--dir", "/no/such/folder"});
  EXPECT_EQ(done.exit_code, 5);
  EXPECT_THAT(done.err, HasSubstr("/no/such/folder"));
}

}  // namespace
}  // namespace eventstore::testing
