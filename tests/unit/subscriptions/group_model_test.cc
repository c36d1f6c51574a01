// Random schedules of several servers that share a simulated database: consumers come, go, stall and die, servers are
// killed, turns fail, some after they were committed. Whatever happens, what a group promises has to hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "tests/unit/subscriptions/group_fixture.h"

namespace eventstore::subscriptions {
namespace {

using domain::Position;
using domain::Uuid;

constexpr int kBuckets = 5;
constexpr int kAggregates = 12;
constexpr int kLeaseMs = 10'000;
constexpr int kOwnLeaseMs = 8'000;

struct Event {
  Position position = 0;
  int aggregate = 0;
};

struct Open {
  std::int64_t id = 0;
  Event event;
};

struct Consumer {
  int in_flight = 0;
  bool leaving = false;
  std::vector<Open> open;  // delivered, not answered, not taken back
};

struct Server {
  std::unique_ptr<GroupDispatcher> dispatcher;  // none: it knows nothing yet
  std::map<Uuid, Consumer> consumers;
  std::vector<Uuid> left;
  int last_turn = 0;
};

class Model {
 public:
  explicit Model(std::uint32_t seed) : chance_(seed), servers_(3) {
    rows_.resize(kBuckets);
    parks_ = Chance(2);
    settings_ = Settings(parks_ ? 3 : 1'000'000);
  }

  void Step() {
    // Now and then a while in which nobody takes a turn: leases end.
    Pass(Chance(150) ? Pick(1'000, 12'000) : Pick(1, 120));
    switch (Pick(0, 13)) {
      case 0:
      case 1:
        return Append();
      case 2:
        return Join();
      case 3:
        return Chance(3) ? Go() : Tick();
      case 4:
      case 5:
        return Turn(AnyServer(), Pick(0, 9));
      case 6:
        if (Chance(25)) return Kill(AnyServer());
        return Tick();
      case 7:
        return Tick();
      case 8:
      case 9:
        return Read(AnyServer());
      default:
        return Consume();
    }
  }

  // No more failures: everything has to be settled.
  void Finish() {
    for (Server& server : servers_) {
      std::erase_if(server.consumers, [&](const auto& entry) {
        if (!entry.second.leaving) return false;
        if (server.dispatcher) server.dispatcher->Drop(entry.first, false, At(now_));
        server.left.push_back(entry.first);
        return true;
      });
    }
    for (int round = 0; round < 4'000 && !Done(); ++round) {
      Pass(100);
      if (servers_[0].consumers.empty()) JoinAt(servers_[0], 50);
      for (Server& server : servers_) {
        if (server.dispatcher) server.dispatcher->Tick(At(now_));
        Turn(server, 9);
        Read(server);
        TakeAll(server);
        for (auto& [id, consumer] : server.consumers) {
          while (!consumer.open.empty()) Answer(server, id, consumer, domain::NackAction::kSkip, 0);
        }
      }
    }
    for (const Event& event : events_) {
      ASSERT_TRUE(settled_.contains(event.position)) << "event " << event.position << " was never settled";
    }
    ASSERT_TRUE(Done());
  }

 private:
  bool Chance(int one_in) { return Pick(1, one_in) == 1; }
  int Pick(int from, int to) { return std::uniform_int_distribution<int>(from, to)(chance_); }
  Server& AnyServer() { return servers_[static_cast<std::size_t>(Pick(0, 2))]; }
  static int BucketOf(int aggregate) { return domain::BucketOf(Aggregate(aggregate), kBuckets); }

  bool Done() const {
    for (const Event& event : events_) {
      if (rows_[static_cast<std::size_t>(BucketOf(event.aggregate))].position < event.position) return false;
    }
    return true;
  }

  // Each server looks at its lease all the time.
  void Pass(int ms) {
    now_ += ms;
    for (Server& server : servers_) Expire(server);
  }

  void Append() {
    for (int count = Pick(1, 8); count > 0; --count) {
      end_ += Pick(1, 3);
      events_.push_back({end_, Pick(0, kAggregates - 1)});
    }
  }

  void JoinAt(Server& server, int in_flight) {
    const Uuid id = Member(++last_member_);
    server.consumers[id].in_flight = in_flight;
    if (server.dispatcher) server.dispatcher->Join(id, in_flight);
  }
  void Join() {
    Server& server = AnyServer();
    if (server.consumers.size() < 3) JoinAt(server, Pick(1, 6));
  }

  void Go() {
    Server& server = AnyServer();
    if (server.consumers.empty()) return;
    auto& [id, consumer] = *std::next(server.consumers.begin(), Pick(0, static_cast<int>(server.consumers.size()) - 1));
    if (Chance(2) && !consumer.leaving) {
      consumer.leaving = true;
      if (server.dispatcher) server.dispatcher->Leave(id);
      return;
    }
    if (server.dispatcher) server.dispatcher->Drop(id, Chance(2), At(now_));
    server.left.push_back(id);
    server.consumers.erase(id);
  }

  void Kill(Server& server) {
    server = Server();
    server.last_turn = now_;
  }

  // What GroupRuntime::CheckLease does.
  void Expire(Server& server) {
    if (!server.dispatcher || now_ - server.last_turn < kOwnLeaseMs) return;
    for (const auto& [id, consumer] : server.consumers) server.left.push_back(id);
    server.consumers.clear();
    server.dispatcher.reset();
  }

  void Tick() {
    for (Server& server : servers_) {
      if (server.dispatcher) server.dispatcher->Tick(At(now_));
    }
  }

  void Read(Server& server) {
    if (!server.dispatcher) return;
    const auto after = server.dispatcher->LeastWanted(0, end_);
    if (!after) return;
    std::vector<domain::RecordedEvent> page;
    const std::size_t most = static_cast<std::size_t>(Pick(1, 20));
    for (const Event& event : events_) {
      if (event.position > *after && page.size() < most) page.push_back(EventAt(event.position, event.aggregate));
    }
    const Position upto = page.size() < most ? end_ : page.back().global_position;
    if (Chance(2)) {
      server.dispatcher->Offer(*after, upto, page);
    } else {
      server.dispatcher->OfferShared(*after, upto, page);
    }
  }

  // `luck`: 0 fails, 1 fails after its commit, else it succeeds.
  void Turn(Server& server, int luck) {
    const auto begun = now_;
    const bool was_known = server.dispatcher != nullptr;
    domain::TurnInput input;
    for (const auto& [id, consumer] : server.consumers) input.own.push_back({id, consumer.leaving, true});
    input.left = server.left;
    domain::GroupWrites writes;
    std::set<int> known;
    if (server.dispatcher) {
      writes = server.dispatcher->Collect();
      input.places = writes.places;
      for (int bucket = 0; bucket < kBuckets; ++bucket) {
        if (server.dispatcher->OwnerOf(bucket)) known.insert(bucket);
      }
      for (const auto& place : writes.places) {
        if (place.release) known.erase(place.bucket);
      }
    }
    if (luck == 0) return Failed(server);
    // It stops for so long that others have its buckets when it goes on.
    if (luck == 2 && Chance(4)) {
      Pass(11'000);
      for (Server& other : servers_) {
        if (&other != &server) Turn(other, 9);
      }
    }
    input.buckets = rows_;
    for (const auto& [id, member] : members_) {
      input.members.push_back({id, member.leaving, now_ - member.seen < kLeaseMs});
    }
    const auto plan = domain::PlanTurn(input);
    Commit(input.own, plan, writes);
    if (luck == 1) return Failed(server);
    server.last_turn = begun;
    std::erase_if(server.left, [&](const auto& id) { return std::ranges::find(input.left, id) != input.left.end(); });
    if (was_known && !server.dispatcher) return;
    if (!server.dispatcher) {
      server.dispatcher = std::make_unique<GroupDispatcher>(settings_, kBuckets);
      for (const auto& [id, consumer] : server.consumers) {
        server.dispatcher->Join(id, consumer.in_flight);
        if (consumer.leaving) server.dispatcher->Leave(id);
      }
    } else {
      server.dispatcher->Written(plan.fenced);
    }
    std::map<int, std::map<Position, int>> failures;
    for (const auto& [key, count] : attempts_) {
      if (!known.contains(key.first)) failures[key.first][key.second] = count;
    }
    server.dispatcher->Sync(rows_, failures, At(now_) + kReleasePause);
  }

  static void Failed(Server& server) {
    if (server.dispatcher) server.dispatcher->Written({});
  }

  void Commit(const std::vector<domain::MemberRow>& own, const domain::TurnPlan& plan,
              const domain::GroupWrites& writes) {
    const auto counts = [&](int bucket) { return plan.fenced[static_cast<std::size_t>(bucket)]; };
    for (const auto& park : writes.parks) {
      if (counts(park.event.bucket)) Settle(park.event.position, park.event.aggregate_id);
    }
    for (const auto& attempt : writes.attempts) {
      if (counts(attempt.bucket)) attempts_[{attempt.bucket, attempt.position}] = attempt.failures;
    }
    rows_ = plan.buckets;
    for (const Uuid& id : plan.gone) members_.erase(id);
    for (const auto& member : own) members_[member.id] = {member.leaving, now_};
    for (const Event& event : events_) {
      if (event.position > rows_[static_cast<std::size_t>(BucketOf(event.aggregate))].position) continue;
      ASSERT_TRUE(settled_.contains(event.position)) << "the place passed event " << event.position;
    }
  }

  void Settle(Position position, const Uuid& aggregate) {
    if (!settled_.insert(position).second) return;
    // What is parked is out of order.
    if (parks_) return;
    Position& last = last_settled_[aggregate];
    ASSERT_GT(position, last) << "an event was first settled after a later one of its aggregate";
    last = position;
  }

  void TakeAll(Server& server) {
    if (!server.dispatcher) return;
    for (auto& [id, consumer] : server.consumers) Take(server, id, consumer);
  }

  // Nobody but this member has events of the aggregate. What was taken back may not have been told yet.
  void CheckAlone(const Uuid& id, int aggregate) {
    const auto has = [&](const Consumer& consumer) {
      return std::ranges::any_of(consumer.open, [&](const Open& open) { return open.event.aggregate == aggregate; });
    };
    for (Server& server : servers_) {
      for (auto& [who, consumer] : server.consumers) {
        if (who == id || !has(consumer)) continue;
        if (server.dispatcher) Take(server, who, consumer);
        ASSERT_FALSE(has(consumer)) << "two consumers at once have aggregate " << aggregate;
      }
    }
  }

  void Take(Server& server, const Uuid& id, Consumer& consumer) {
    const auto batch = server.dispatcher->Take(id, At(now_));
    for (const auto back : batch.taken_back) std::erase_if(consumer.open, [&](const Open& o) { return o.id == back; });
    for (const auto& delivery : batch.deliveries) {
      const Event event{delivery.event->global_position, delivery.event->aggregate_id.bytes[15]};
      ASSERT_GT(event.position, delivery.settled);
      for (const Open& open : consumer.open) {
        ASSERT_TRUE(open.event.aggregate != event.aggregate || open.event.position < event.position);
      }
      consumer.open.push_back({delivery.id, event});
    }
    for (const auto& delivery : batch.deliveries) CheckAlone(id, delivery.event->aggregate_id.bytes[15]);
    ASSERT_LE(consumer.open.size(), static_cast<std::size_t>(consumer.in_flight));
  }

  void Answer(Server& server, const Uuid& id, Consumer& consumer, domain::NackAction action, std::size_t which) {
    // In the order of its aggregate, as a consumer that wants the order would.
    const int aggregate = consumer.open[which].event.aggregate;
    const auto first = std::ranges::find(consumer.open, aggregate, [](const Open& o) { return o.event.aggregate; });
    const Open open = *first;
    consumer.open.erase(first);
    const std::vector<std::int64_t> ids = {open.id};
    if (action != domain::NackAction::kRetry) Settle(open.event.position, Aggregate(aggregate));
    server.dispatcher->Nack(id, ids, action, "no", At(now_));
    Take(server, id, consumer);
  }

  void Consume() {
    Server& server = AnyServer();
    if (!server.dispatcher) return;
    TakeAll(server);
    for (auto& [id, consumer] : server.consumers) {
      for (int count = Pick(0, 4); count > 0 && !consumer.open.empty(); --count) {
        const auto which = static_cast<std::size_t>(Pick(0, static_cast<int>(consumer.open.size()) - 1));
        const auto action = Chance(6)             ? domain::NackAction::kRetry
                            : parks_ && Chance(9) ? domain::NackAction::kPark
                                                  : domain::NackAction::kSkip;
        Answer(server, id, consumer, action, which);
      }
    }
    // Those that left and owe nothing end their calls.
    for (auto consumer = server.consumers.begin(); consumer != server.consumers.end();) {
      if (consumer->second.leaving && server.dispatcher->HasLeft(consumer->first)) {
        server.dispatcher->Drop(consumer->first, false, At(now_));
        server.left.push_back(consumer->first);
        consumer = server.consumers.erase(consumer);
      } else {
        ++consumer;
      }
    }
  }

  struct MemberState {
    bool leaving = false;
    int seen = 0;
  };

  std::mt19937 chance_;
  bool parks_ = false;
  domain::GroupSettings settings_;
  std::vector<Server> servers_;
  int now_ = 0;
  int last_member_ = 0;
  // The database.
  Position end_ = 0;
  std::vector<Event> events_;
  std::vector<domain::BucketRow> rows_;
  std::map<Uuid, MemberState> members_;
  std::map<std::pair<int, Position>, int> attempts_;
  // What came of the events.
  std::set<Position> settled_;
  std::map<Uuid, Position> last_settled_;
};

TEST(GroupModel, KeepsItsPromisesUnderRandomSchedules) {
  std::random_device device;
  const std::uint32_t first = device();
  for (std::uint32_t seed = first; seed != first + 3'000; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Model model(seed);
    for (int step = 0; step < 400; ++step) {
      model.Step();
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "in step " << step;
    }
    model.Finish();
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
  }
}

}  // namespace
}  // namespace eventstore::subscriptions
