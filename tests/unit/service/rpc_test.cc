#include "server/service/rpc.h"

#include <string>
#include <vector>

#include "eventstore/v1/analytics.pb.h"
#include "eventstore/v1/erasure.pb.h"
#include "eventstore/v1/event_store.pb.h"
#include "eventstore/v1/housekeeper.pb.h"
#include "eventstore/v1/operations.pb.h"
#include "eventstore/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "server/service/rpc_access.h"

namespace eventstore::service {
namespace {

struct Told {
  std::string service, method;
  bool streams = false;
  bool operator==(const Told&) const = default;
};

// A method that is in a proto and not in the table would be counted as another one.
TEST(Rpc, EveryMethodOfTheProtosIsNamedOnceInTheOrderOfTheEnum) {
  std::vector<Told> expected;
  for (const auto* file : {v1::AppendRequest::descriptor()->file(), v1::SubscribeRequest::descriptor()->file(),
                           v1::ListTasksRequest::descriptor()->file(), v1::WatchRequest::descriptor()->file(),
                           v1::GetCountsRequest::descriptor()->file(), v1::EraseSubjectRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service(0)->method_count(); ++i) {
      const auto* method = file->service(0)->method(i);
      expected.push_back({std::string(file->service(0)->full_name()), std::string(method->name()),
                          method->client_streaming() || method->server_streaming()});
    }
  }
  std::vector<Told> named;
  for (const auto& name : RpcNames()) {
    named.push_back({std::string(name.service), std::string(name.method), name.streams});
  }
  EXPECT_THAT(named, ::testing::UnorderedElementsAreArray(expected));
  const auto names = RpcNames();
  EXPECT_EQ(names[static_cast<std::size_t>(Rpc::kAppendStream)].method, "AppendStream");
  EXPECT_EQ(names[static_cast<std::size_t>(Rpc::kReadAll)].method, "ReadAll");
  EXPECT_EQ(names[static_cast<std::size_t>(Rpc::kConsume)].method, "Consume");
  EXPECT_EQ(names[static_cast<std::size_t>(Rpc::kDiscardParkedEvents)].method, "DiscardParkedEvents");
  EXPECT_EQ(names[static_cast<std::size_t>(Rpc::kRunTask)].method, "RunTask");
  EXPECT_EQ(names[static_cast<std::size_t>(Rpc::kMoveExecution)].method, "MoveExecution");
  EXPECT_EQ(names[static_cast<std::size_t>(Rpc::kWatch)].method, "Watch");
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Rpc::kListErasures) + 1);
}

// Who may make no call could be let in by mistake; a call that nobody needs a role for is the same.
TEST(Rpc, EveryCallNeedsARoleAndNoneIsForTheReaderWhoWrites) {
  using domain::access::Role;
  for (std::size_t i = 0; i < RpcNames().size(); ++i) {
    const auto rule = RuleOf(static_cast<Rpc>(i));
    const std::string_view method = RpcNames()[i].method;
    EXPECT_FALSE(rule.any_of.empty()) << method;
    if (rule.any_of == domain::access::Roles{Role::kAdmin}) continue;
    EXPECT_FALSE(rule.any_of.Has(Role::kReader) && rule.any_of.Has(Role::kWriter)) << method;
    const bool reads = method.starts_with("Get") || method.starts_with("List") || method == "ReadAll";
    EXPECT_FALSE(reads && rule.any_of.Has(Role::kWriter)) << method;
    EXPECT_FALSE(method.starts_with("Append") && rule.any_of.Has(Role::kReader)) << method;
  }
}

}  // namespace
}  // namespace eventstore::service
