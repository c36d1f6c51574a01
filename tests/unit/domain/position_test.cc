#include "server/domain/position.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace eventstore::domain {
namespace {

constexpr std::int64_t kMaxXid = (std::int64_t{1} << 42) - 1;

TEST(Position, IsTransactionThenOrdinal) {
  EXPECT_EQ(MakePosition(0, 0, 0), 0);
  EXPECT_EQ(MakePosition(0, 0, kMaxOrdinal), 1'048'575);
  EXPECT_EQ(MakePosition(1, 0, 0), 1'048'576);
  EXPECT_EQ(MakePosition(5, 3, 2), MakePosition(8, 0, 2));
  EXPECT_EQ(FirstPositionOf(5, 3), MakePosition(5, 3, 0));
}

TEST(Position, HasRoomForFourTrillionTransactions) {
  EXPECT_GT(MakePosition(kMaxXid, 0, kMaxOrdinal), 0);
  EXPECT_EQ(MakePosition(kMaxXid, 0, kMaxOrdinal) >> kOrdinalBits, kMaxXid);
}

RC_GTEST_PROP(PositionProperty, OrderIsThatOfTransactionsThenOrdinals, ()) {
  const auto xid = [] { return *rc::gen::inRange<std::int64_t>(3, kMaxXid / 2); };
  const auto ordinal = [] { return *rc::gen::inRange<std::int64_t>(0, kMaxOrdinal + 1); };
  const std::int64_t offset = xid();
  const std::pair a{xid(), ordinal()};
  const std::pair b{*rc::gen::element(a.first, a.first + 1, xid()), ordinal()};
  RC_ASSERT((MakePosition(a.first, offset, a.second) < MakePosition(b.first, offset, b.second)) == (a < b));
  // Everything of a transaction lies between its own first position and that of the next.
  RC_ASSERT(FirstPositionOf(a.first, offset) <= MakePosition(a.first, offset, a.second));
  RC_ASSERT(MakePosition(a.first, offset, a.second) < FirstPositionOf(a.first + 1, offset));
}

TEST(RestoreGapTest, GrowsWithTheAgeWithinBounds) {
  EXPECT_EQ(RestoreGap(0), 16'777'216);
  EXPECT_EQ(RestoreGap(-5), 16'777'216);
  EXPECT_EQ(RestoreGap(7 * 86'400), 6'048'000'000);
  EXPECT_EQ(RestoreGap(6'871'947), 68'719'470'000);
  EXPECT_EQ(RestoreGap(6'871'948), std::int64_t{1} << 36);
  EXPECT_EQ(RestoreGap(std::numeric_limits<std::int64_t>::max()), std::int64_t{1} << 36);
}

RC_GTEST_PROP(RaisedOffsetProperty, PutsTheTransactionAfterTheLastPositionAndNoFurther, ()) {
  const Position last = MakePosition(*rc::gen::inRange<std::int64_t>(3, kMaxXid / 2), 0,
                                     *rc::gen::inRange<std::int64_t>(0, kMaxOrdinal + 1));
  const std::int64_t xid = *rc::gen::inRange<std::int64_t>(3, kMaxXid / 2);
  const std::int64_t old_offset =
      *rc::gen::oneOf(rc::gen::just<std::int64_t>(0), rc::gen::inRange<std::int64_t>(0, kMaxXid / 2));
  const std::int64_t offset = RaisedOffset(old_offset, last, xid);
  RC_ASSERT(offset >= old_offset);
  RC_ASSERT(FirstPositionOf(xid, offset) > last);
  if (offset > old_offset) RC_ASSERT(FirstPositionOf(xid, offset - 1) <= last);
}

}  // namespace
}  // namespace eventstore::domain
