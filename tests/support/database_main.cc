// main() of test programs that need a database.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_cluster.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new eventstore::testing::TestCluster);  // gtest deletes it
  return RUN_ALL_TESTS();
}
