// Calls about consumer groups: what is asked, and what is repeated.
#include "eventstore/consumer_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/fake_subscriptions.h"

namespace eventstore::client {
namespace {

using testing::SizeIs;

const grpc::Status kGone(grpc::StatusCode::UNAVAILABLE, "gone");

class ConsumerGroupsTest : public testing::Test {
 protected:
  ConsumerGroups Groups() { return ConsumerGroups(server_.MakeClient()); }

  FakeSubscriptions fake_;
  FakeServer server_{&fake_};
};

TEST_F(ConsumerGroupsTest, ListsEveryPage) {
  for (const char* next : {"after b", ""}) {
    fake_.list.Then([next](auto*, const auto& request, v1::ListConsumerGroupsResponse* response) {
      response->add_groups()->set_name(request.page_token() + "1");
      response->add_groups()->set_name(request.page_token() + "2");
      response->set_next_page_token(next);
      return grpc::Status::OK;
    });
  }
  const auto groups = Groups().List("mail", false);
  ASSERT_TRUE(groups.ok());
  ASSERT_THAT(*groups, SizeIs(4));
  EXPECT_EQ(groups->back().name(), "after b2");
  const auto requests = fake_.list.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[1].page_token(), "after b");
  EXPECT_EQ(requests[1].name_prefix(), "mail");
  EXPECT_TRUE(requests[1].without_lag());
}

TEST_F(ConsumerGroupsTest, RepeatsWhatWasLostOnTheWay) {
  fake_.create.ThenFail(kGone);
  fake_.create.Then([](auto*, const auto& request, v1::CreateConsumerGroupResponse* response) {
    response->mutable_group()->set_name(request.name());
    return grpc::Status::OK;
  });
  v1::CreateConsumerGroupRequest request;
  request.set_name("mailer");
  const auto group = Groups().Create(request);
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(group->name(), "mailer");
  EXPECT_THAT(fake_.create.requests(), SizeIs(2));
}

TEST_F(ConsumerGroupsTest, WhatARepeatedDeleteDoesNotFindIsDeleted) {
  const grpc::Status none = ErrorMaker(grpc::StatusCode::NOT_FOUND, "none").Reason("GROUP_NOT_FOUND").Grpc();
  fake_.remove.ThenFail(kGone);
  fake_.remove.ThenFail(none);
  EXPECT_TRUE(Groups().Delete("mailer").ok());
  // Asked once, it was not there.
  EXPECT_EQ(ErrorReason(Groups().Delete("mailer")), "GROUP_NOT_FOUND");
}

TEST_F(ConsumerGroupsTest, TellsHowManyAreReplayed) {
  fake_.replay.Then([](auto*, const auto& request, v1::ReplayParkedEventsResponse* response) {
    response->set_events(request.selection().max_events());
    return grpc::Status::OK;
  });
  v1::ParkedSelection selection;
  selection.set_max_events(7);
  EXPECT_EQ(*Groups().ReplayParked("mailer", selection), 7);
  EXPECT_EQ(fake_.replay.requests()[0].group(), "mailer");
}

}  // namespace
}  // namespace eventstore::client
