#include "server/service/page_memory.h"

#include <utility>

#include "gtest/gtest.h"

namespace eventstore::service {
namespace {

TEST(PageMemory, IsPlentyUntilWhatIsHeldReachesTheLimit) {
  PageMemory memory(100);
  EXPECT_TRUE(memory.IsPlenty());
  PageMemory::Share most(memory, 99);
  EXPECT_TRUE(memory.IsPlenty());
  {
    const PageMemory::Share rest(memory, 1);
    EXPECT_FALSE(memory.IsPlenty());
  }
  EXPECT_TRUE(memory.IsPlenty());
}

TEST(PageMemory, AShareThatIsMovedIsCountedOnce) {
  PageMemory memory(100);
  PageMemory::Share share(memory, 60);
  PageMemory::Share other(std::move(share));
  EXPECT_TRUE(memory.IsPlenty());
  share = PageMemory::Share(memory, 60);
  EXPECT_FALSE(memory.IsPlenty());
  // What it held is given back when it takes over another.
  share = std::move(other);
  EXPECT_TRUE(memory.IsPlenty());
  PageMemory::Share more(memory, 39);
  EXPECT_TRUE(memory.IsPlenty());
  more = PageMemory::Share(memory, 40);
  EXPECT_FALSE(memory.IsPlenty());
  share = {};
  EXPECT_TRUE(memory.IsPlenty());
}

}  // namespace
}  // namespace eventstore::service
