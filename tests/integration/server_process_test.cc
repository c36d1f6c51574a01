// The test support itself: what it says about a server must be true, or tests built on it prove nothing.
#include "tests/support/server_process.h"

#include <signal.h>

#include <string>

#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServerProcessTest : public ::testing::Test {
 protected:
  ServerProcess::Options OnDatabase() const {
    ServerProcess::Options options;
    options.database_url = database_.conninfo();
    return options;
  }

  TestDatabase database_;
};

TEST_F(ServerProcessTest, ServesAndEndsCleanlyOnSigterm) {
  auto server = ServerProcess::Start(OnDatabase());
  ASSERT_THAT(server, IsOk());
  EXPECT_THAT((*server)->address(), StartsWith("127.0.0.1:"));
  EXPECT_GT((*server)->grpc_port(), 0);
  EXPECT_TRUE((*server)->WaitUntilServing(seconds(10), "eventstore.v1.EventStore"));
  EXPECT_EQ((*server)->Terminate(), 0);
  EXPECT_THAT((*server)->Log(), HasSubstr("SIGTERM"));
  EXPECT_FALSE((*server)->WaitUntilServing(seconds(0)));
}

TEST_F(ServerProcessTest, AfterAKillTheSamePortServesAgain) {
  auto first = ServerProcess::Start(OnDatabase());
  ASSERT_THAT(first, IsOk());
  (*first)->Kill();
  EXPECT_EQ((*first)->WaitForExit(), 128 + SIGKILL);
  ServerProcess::Options options = OnDatabase();
  options.grpc_port = (*first)->grpc_port();
  auto second = ServerProcess::Start(options);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ((*second)->address(), (*first)->address());
}

TEST_F(ServerProcessTest, AServerThatFailsIsAnErrorWithItsLog) {
  ServerProcess::Options options = OnDatabase();
  options.args = {"--no-such-flag"};
  EXPECT_THAT(ServerProcess::Start(options), HasMessage(HasSubstr("no-such-flag")));

  options.wait_until_serving = false;
  auto server = ServerProcess::Start(options);
  ASSERT_THAT(server, IsOk());
  EXPECT_EQ((*server)->WaitForExit(), 2);
}

}  // namespace
}  // namespace eventstore::testing
