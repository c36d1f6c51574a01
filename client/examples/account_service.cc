// An account whose balance never goes below zero, whoever else writes at the same time.
//   account_service HOST:PORT ACCOUNT_UUID deposit|withdraw CENTS
#include <cstdlib>
#include <iostream>
#include <string>

#include "eventstore/update.h"

namespace es = eventstore::client;
namespace v1 = eventstore::v1;

namespace {

struct Account {
  bool open = false;
  long cents = 0;
};

// {"cents":N} is all that our own events carry; a real service would use its JSON library.
long CentsOf(const std::string& data) { return std::strtol(data.c_str() + data.find(':') + 1, nullptr, 10); }

void Apply(Account& account, const v1::RecordedEvent& event) {
  if (event.event_type() == "account.opened") account.open = true;
  if (event.event_type() == "account.deposited") account.cents += CentsOf(event.data());
  if (event.event_type() == "account.withdrawn") account.cents -= CentsOf(event.data());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: account_service HOST:PORT ACCOUNT_UUID deposit|withdraw CENTS\n";
    return 2;
  }
  es::EventStoreClient store({.target = argv[1]});
  const bool withdraw = std::string(argv[3]) == "withdraw";
  const long cents = std::strtol(argv[4], nullptr, 10);

  const auto decide = [&](const Account& account) -> absl::StatusOr<std::vector<v1::NewEvent>> {
    if (withdraw && cents > account.cents) {
      return absl::FailedPreconditionError("the account has " + std::to_string(account.cents) + " cents only");
    }
    std::vector<v1::NewEvent> events;
    if (!account.open) events.push_back(es::MakeEvent("account.opened"));
    events.push_back(es::MakeEvent(withdraw ? "account.withdrawn" : "account.deposited",
                                   "{\"cents\":" + std::to_string(cents) + "}"));
    return events;
  };
  const auto result = es::Update(store, {argv[2], "entity"}, Account{}, Apply, decide);
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    return 1;
  }
  std::cout << "account " << argv[2] << " is at version " << result->version << "\n";
}
