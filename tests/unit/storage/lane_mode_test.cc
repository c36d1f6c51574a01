#include "server/storage/lane_mode.h"

#include <memory>

#include "gmock/gmock.h"

namespace eventstore::storage {
namespace {

AppendRequestList Requests(bool with_check = false) {
  AppendRequestList requests;
  for (const bool check : {false, with_check}) {
    requests.push_back(std::make_unique<AppendRequest>());
    if (check) requests.back()->batch.checks.emplace_back();
  }
  return requests;
}

TEST(LaneSharingTest, SeveralLanesAreShared) {
  LaneSharing sharing;
  EXPECT_EQ(sharing.ModeFor(Requests(), {0, 1}), LaneMode::kShared);
  EXPECT_EQ(sharing.ModeFor(Requests(), {0, 1, 2}), LaneMode::kShared);
}

TEST(LaneSharingTest, OneLaneAndChecksAreNot) {
  LaneSharing sharing;
  EXPECT_EQ(sharing.ModeFor(Requests(), {1}), LaneMode::kAlone);
  EXPECT_EQ(sharing.ModeFor(Requests(true), {0, 1}), LaneMode::kAlone);
}

TEST(LaneSharingTest, AfterALossTheNextOnesAreAlone) {
  LaneSharing sharing;
  sharing.Lost();
  EXPECT_EQ(sharing.ModeFor(Requests(), {0}), LaneMode::kAlone);  // is not counted: it would have been alone
  for (int i = 0; i < LaneSharing::kAloneAfterLoss; ++i) {
    EXPECT_EQ(sharing.ModeFor(Requests(), {0, 1}), LaneMode::kAlone) << i;
  }
  EXPECT_EQ(sharing.ModeFor(Requests(), {0, 1}), LaneMode::kShared);
}

}  // namespace
}  // namespace eventstore::storage
