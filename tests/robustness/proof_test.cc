// Invariants 1 to 5, all at once: eight writers, two servers, twenty subscribers that come and go, two consumer groups;
// servers, PostgreSQL and sessions are killed, transactions stand still, and the store moves to another cluster. Every
// acknowledgement and every delivery is recorded. No skip, no duplicate past a checkpoint, one order of positions for every
// reader, versions in order.
//
//   EVENTSTORE_PROOF_SEED=N    the schedule of a run before, which has printed its seed
//   EVENTSTORE_PROOF_ROUNDS=N  every break so many times over; 1 if not given
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "server/storage/session.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/open_append.h"
#include "tests/integration/store/verified.h"
#include "tests/robustness/deliveries.h"
#include "tests/robustness/ledger.h"
#include "tests/robustness/load.h"
#include "tests/robustness/proof_group.h"
#include "tests/robustness/proof_site.h"
#include "tests/robustness/schedule.h"
#include "tests/support/status_matchers.h"

namespace eventstore::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Between two breaks so many events have to be acknowledged: the store works again, and the next break hits real work.
constexpr std::size_t kEventsBetween = 100;
// A transaction that stands still does so for this long, or longer where what is awaited takes longer.
constexpr seconds kStandstill{10};

std::uint64_t NumberFrom(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

class ProofTest : public ::testing::Test {
 protected:
  struct Reader {
    v1::SubscribeRequest request;
    std::unique_ptr<Deliveries> deliveries;
  };

  void Subscribe(const Join& join) {
    Reader reader;
    DeliveriesOptions options{.restart_after = join.restart_after};
    auto* filter = reader.request.mutable_filter();
    if (join.filter == Join::Filter::kTypes) {
      filter->add_event_types("load.any");
      filter->add_event_types("load.stream");
      options.versions = Versions::kGrowing;
    } else if (join.filter == Join::Filter::kPrefix) {
      filter->add_event_type_prefixes("load.b");
      options.versions = Versions::kGrowing;
    } else if (join.filter == Join::Filter::kAggregate) {
      reader.request.set_aggregate_id(load_->shared()[readers_.size() % load_->shared().size()]);
    }
    if (join.start == Join::Start::kBeginning) {
      reader.request.set_from_position(0);
    } else if (join.start == Join::Start::kPosition) {
      reader.request.set_from_position(places_[readers_.size() % places_.size()]);
    } else {
      reader.request.mutable_from_now();
    }
    reader.deliveries =
        std::make_unique<Deliveries>(stores_[static_cast<std::size_t>(join.server)], reader.request, options);
    readers_.push_back(std::move(reader));
  }

  void SubscribeAll(const std::vector<Join>& joins) {
    for (const Join& join : joins) Subscribe(join);
  }

  // Until the two that get everything have got what is acknowledged by now, or a promise was broken.
  absl::Status AwaitDelivered() {
    const std::int64_t position = ledger_.last_position();
    for (int i : {0, 1}) {
      const Deliveries& deliveries = *readers_[static_cast<std::size_t>(i)].deliveries;
      if (!Eventually([&] { return deliveries.position() >= position || !deliveries.broken().ok(); }, kProofPatience)) {
        return absl::DeadlineExceededError(fmt::format("it does not come to {}", position));
      }
      if (absl::Status broken = deliveries.broken(); !broken.ok()) return broken;
    }
    return absl::OkStatus();
  }

  // Two that are none of ours, one of them in another database: both have transaction ids below all that is appended.
  void ForeignWriter(const std::vector<Join>& joins) {
    storage::Session here(site_.conninfo(), "foreign");
    storage::Session elsewhere(site_.conninfo() + " dbname=postgres", "foreign");
    for (storage::Session* session : {&here, &elsewhere}) {
      ASSERT_THAT(session->RunScript("SET idle_in_transaction_session_timeout = 0; BEGIN; CREATE TABLE foreign_work (n "
                                     "integer); INSERT INTO foreign_work VALUES (1)"),
                  IsOk());
    }
    const auto since = std::chrono::steady_clock::now();
    SubscribeAll(joins);
    // Deliveries go on while it stands still.
    do {
      ASSERT_TRUE(load_->AwaitEvents(kEventsBetween, kProofPatience));
      ASSERT_THAT(AwaitDelivered(), IsOk()) << "a foreign writer holds subscribers up";
    } while (std::chrono::steady_clock::now() - since < kStandstill);
    const auto until = std::chrono::steady_clock::now();
    for (storage::Session* session : {&here, &elsewhere}) {
      ASSERT_THAT(session->RunScript("SELECT 'it is still open' FROM foreign_work; ROLLBACK"), IsOk());
    }
    PrintDelays("while a foreign writer stands still", since, until);
  }

  void Commit(OpenAppend& open, const domain::Uuid& aggregate) {
    open.Commit();
    v1::AppendResponse response;
    response.set_aggregate_id(aggregate.ToString());
    auto* event = response.add_events();
    event->set_id(open.first().id.ToString());
    event->set_version(open.first().version);
    event->set_global_position(open.first().global_position);
    ledger_.Acknowledged(response);
  }

  // An append of the first lane that has its position and does not commit.
  void HeldAppend(const std::vector<Join>& joins) {
    domain::NewEvent held = Event(++events_by_hand_);
    held.event_type = "load.held";
    OpenAppend open(site_.conninfo(), One(AggregateIn(0), domain::VersionCheck::Any(), {held}));
    const std::int64_t position = open.first().global_position;
    const auto since = std::chrono::steady_clock::now();
    SubscribeAll(joins);
    // The second lane goes on: by an instance of its own, since the servers' writer of that lane may be busy with a batch
    // that needs the held one too.
    for (int i = 0; i < 50; ++i) {
      domain::NewEvent next = Event(++events_by_hand_);
      next.event_type = "load.behind";
      OpenAppend behind(site_.conninfo(), One(AggregateIn(1), domain::VersionCheck::Any(), {next}));
      ASSERT_GT(behind.first().global_position, position);
      Commit(behind, AggregateIn(1));
    }
    // It shows: in the metric, as a time that grows, and in the log.
    for (int i : {0, 1}) {
      EXPECT_TRUE(Eventually(
          [&] {
            const auto lag = site_.server(i).Metric("eventstore_subscription_horizon_lag_seconds");
            return lag.ok() && *lag > 3;
          },
          kProofPatience));
      EXPECT_TRUE(site_.server(i).WaitForLog("(eventstored open append, ", kProofPatience));
    }
    std::this_thread::sleep_until(since + kStandstill);
    // Nobody has passed it.
    for (const Reader& reader : readers_) EXPECT_LT(reader.deliveries->position(), position);
    for (const auto& group : groups_) EXPECT_LT(group.record().last_position(), position);
    Commit(open, AggregateIn(0));
    ASSERT_THAT(AwaitDelivered(), IsOk());
  }

  void Do(const Step& step) {
    switch (step.what) {
      case Break::kServer:
        ASSERT_NO_FATAL_FAILURE(site_.RestartServer(step.server));
        break;
      case Break::kPostmaster:
        ASSERT_NO_FATAL_FAILURE(site_.KillPostmaster());
        break;
      case Break::kBackend:
        ASSERT_NO_FATAL_FAILURE(site_.KillWriterInTransaction());
        break;
      case Break::kForeignWriter:
        return ForeignWriter(step.joins);
      case Break::kHeldAppend:
        return HeldAppend(step.joins);
      case Break::kRestore:
        return site_.MoveToFreshCluster([&] { SubscribeAll(step.joins); });
    }
    SubscribeAll(step.joins);
  }

  // Of the two that live through all of it.
  void PrintDelays(const std::string& when, Ledger::Time since, Ledger::Time until) {
    std::vector<microseconds> delays;
    for (int i : {0, 1}) {
      const auto more = readers_[static_cast<std::size_t>(i)].deliveries->Delays(ledger_, since, until);
      delays.insert(delays.end(), more.begin(), more.end());
    }
    ASSERT_FALSE(delays.empty());
    std::ranges::sort(delays);
    const auto at = [&](double part) {
      return static_cast<double>(
                 delays[static_cast<std::size_t>(part * static_cast<double>(delays.size() - 1))].count()) /
             1000;
    };
    std::printf("acknowledged to delivered, %s: p50 %.1f ms, p99 %.1f ms, longest %.1f ms, of %zu\n", when.c_str(),
                at(0.5), at(0.99), at(1), delays.size());
  }

  void Check() {
    const auto events = ReadEverything(stores_[0]);
    ASSERT_THAT(events, IsOk());
    EXPECT_EQ(ExpectVerified(site_.conninfo()), static_cast<std::int64_t>(events->size()));
    EXPECT_THAT(ledger_.CheckAgainst(stores_[1]), IsOk());
    EXPECT_THAT(ledger_.CheckAmong(Matching(*events, {})), IsOk());
    std::size_t delivered = 0;
    int subscriptions = 0;
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      const Reader& reader = readers_[i];
      EXPECT_THAT(reader.deliveries->AwaitAll(Matching(*events, reader.request), kProofPatience), IsOk())
          << "subscriber " << i << ": " << reader.request.ShortDebugString();
      delivered += reader.deliveries->count();
      subscriptions += reader.deliveries->subscriptions();
    }
    for (auto& group : groups_) group.Check(*events);
    std::printf("%zu events acknowledged, %zu stored; %zu delivered to %zu subscribers in %d subscriptions\n",
                ledger_.acknowledged(), events->size(), delivered, readers_.size(), subscriptions);
  }

  ProofSite site_;
  Ledger ledger_;
  std::vector<client::EventStoreClient> stores_;
  std::unique_ptr<Load> load_;
  std::vector<Reader> readers_;
  std::deque<ProofGroup> groups_;
  std::vector<std::int64_t> places_{0};  // where somebody could begin
  std::uint64_t events_by_hand_ = 0;
};

TEST_F(ProofTest, NoSkipNoDuplicateOneOrderWhateverHappens) {
  const std::uint64_t seed = NumberFrom("EVENTSTORE_PROOF_SEED", std::random_device()());
  const int rounds = static_cast<int>(NumberFrom("EVENTSTORE_PROOF_ROUNDS", 1));
  const std::string again = fmt::format("EVENTSTORE_PROOF_SEED={} EVENTSTORE_PROOF_ROUNDS={}", seed, rounds);
  SCOPED_TRACE(again);
  const Schedule schedule = MakeSchedule(seed, rounds);
  std::printf("%s\n%s", again.c_str(), Describe(schedule).c_str());

  const auto began = std::chrono::steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(site_.Start());
  for (int server : {0, 1}) stores_.push_back(site_.Store(server));
  load_ = std::make_unique<Load>(
      stores_, ledger_, LoadOptions{.clients = 6, .pipelines = 2, .batch_aggregates = 3, .pause = milliseconds(50)});
  SubscribeAll(schedule.at_start);
  v1::EventFilter batches;
  batches.add_event_types("load.batch");
  groups_.emplace_back(site_, "everything", v1::EventFilter(), Versions::kAll, 3);
  groups_.emplace_back(site_, "batches", batches, Versions::kGrowing, 2);

  for (const Step& step : schedule.steps) {
    ASSERT_TRUE(load_->AwaitEvents(kEventsBetween, kProofPatience)) << "the store did not come back";
    places_.push_back(ledger_.last_position());
    std::printf("%5.1f s, %zu events: %s\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), ledger_.acknowledged(),
                Name(step.what));
    std::fflush(stdout);
    ASSERT_NO_FATAL_FAILURE(Do(step)) << Name(step.what);
    for (const Reader& reader : readers_) ASSERT_THAT(reader.deliveries->broken(), IsOk()) << Name(step.what);
    for (const ProofGroup& group : groups_) ASSERT_THAT(group.record().broken(), IsOk()) << Name(step.what);
  }
  ASSERT_TRUE(load_->AwaitEvents(2 * kEventsBetween, kProofPatience));
  load_->Stop();
  EXPECT_EQ(load_->unanswered(), 0);
  EXPECT_GT(load_->streamed(), 0);
  PrintDelays("in all", began, std::chrono::steady_clock::now());
  ASSERT_NO_FATAL_FAILURE(Check());
  std::printf("%.1f s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  readers_.clear();
  groups_.clear();
  site_.Stop();
}

}  // namespace
}  // namespace eventstore::testing
