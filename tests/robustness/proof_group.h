// A consumer group from the beginning with its consumers on two servers, and what they were given.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eventstore/consumer_groups.h"
#include "tests/robustness/group_record.h"
#include "tests/robustness/group_worker.h"
#include "tests/robustness/proof_site.h"

namespace eventstore::testing {

class ProofGroup {
 public:
  // Made at once; `versions` says what the filter means for them.
  ProofGroup(ProofSite& site, std::string name, const v1::EventFilter& filter, Versions versions, int consumers);

  const GroupRecord& record() const { return record_; }

  // With all that is stored, when nothing more comes: waits until the group has it, and fails the test for what is wrong.
  // Its consumers leave.
  void Check(const std::vector<v1::RecordedEvent>& events);

 private:
  GroupWorker::Life NextLife();

  const client::ConsumerGroups groups_;
  const std::string name_;
  v1::SubscribeRequest request_;  // that would get the same
  GroupRecord record_;
  std::vector<std::unique_ptr<GroupWorker>> workers_;
};

}  // namespace eventstore::testing
