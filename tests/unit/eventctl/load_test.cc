// Loading: against a fake store in this process that checks versions and recognises ids as the real one does. A real
// server shows the same in the end-to-end tests; here the store can be made to fail on cue.
#include "tools/eventctl/load/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>

#include "tests/unit/client/fake_event_store.h"

namespace eventstore::eventctl {

class FakeStore : public v1::EventStore::Service {
 public:
  grpc::Status AppendBatch(grpc::ServerContext* /*context*/, const v1::AppendBatchRequest* request,
                           v1::AppendBatchResponse* response) override {
    const std::lock_guard lock(mutex_);
    ++requests_;
    if (fail_after_ >= 0 && requests_ > fail_after_) return {grpc::StatusCode::INTERNAL, "the fake has failed"};
    std::size_t known = 0;
    std::size_t all = 0;
    for (const auto& append : request->appends()) {
      for (const auto& event : append.events()) {
        if (event.event_type() == "poison") return {grpc::StatusCode::INVALID_ARGUMENT, "it is poison"};
        known += places_.contains(event.id()) ? 1 : 0;
        ++all;
      }
    }
    if (known > 0) return Repeat(*request, *response, known == all);
    if (auto conflict = Conflicts(*request); conflict.conflicts_size() > 0) {
      return client::ErrorMaker(grpc::ABORTED, "conflict").Reason("VERSION_CONFLICT").With(conflict).Grpc();
    }
    for (const auto& append : request->appends()) {
      auto* result = response->add_results();
      result->set_aggregate_id(append.aggregate_id());
      for (const auto& event : append.events()) *result->add_events() = Store(append.aggregate_id(), event);
      result->set_version(static_cast<int>(streams_[append.aggregate_id()].size()));
    }
    return grpc::Status::OK;
  }

  grpc::Status GetAggregateStream(grpc::ServerContext* /*context*/, const v1::GetAggregateStreamRequest* request,
                                  grpc::ServerWriter<v1::GetAggregateStreamResponse>* writer) override {
    const std::lock_guard lock(mutex_);
    v1::GetAggregateStreamResponse page;
    const auto& stream = streams_[request->aggregate_id()];
    page.set_current_version(static_cast<int>(stream.size()));
    for (const auto& id : stream) page.add_events()->set_id(id);
    writer->Write(page);
    return grpc::Status::OK;
  }

  // For the test's own thread.
  std::map<std::string, std::vector<std::string>> streams() {
    const std::lock_guard lock(mutex_);
    return streams_;
  }
  std::vector<std::string> stream(const std::string& aggregate_id) { return streams()[aggregate_id]; }
  std::set<std::string> ids() {
    const std::lock_guard lock(mutex_);
    std::set<std::string> ids;
    for (const auto& [id, place] : places_) ids.insert(id);
    return ids;
  }
  void FailAfter(int requests) {
    const std::lock_guard lock(mutex_);
    fail_after_ = requests;
  }
  void Put(const std::string& aggregate_id, const v1::NewEvent& event) {
    const std::lock_guard lock(mutex_);
    Store(aggregate_id, event);
  }

 private:
  v1::AppendedEvent Store(const std::string& aggregate_id, const v1::NewEvent& event) {
    auto& stream = streams_[aggregate_id];
    stream.push_back(event.id());
    v1::AppendedEvent appended;
    appended.set_id(event.id());
    appended.set_version(static_cast<int>(stream.size()));
    appended.set_global_position(static_cast<std::int64_t>(places_.size()) + 1);
    places_[event.id()] = {aggregate_id, appended};
    return appended;
  }

  // As the store judges it: all of the request is there, where it could have put it, or it is a conflict of ids.
  grpc::Status Repeat(const v1::AppendBatchRequest& request, v1::AppendBatchResponse& response, bool whole) {
    for (const auto& append : request.appends()) {
      auto* result = response.add_results();
      result->set_aggregate_id(append.aggregate_id());
      int version = append.expected_version();
      for (const auto& event : append.events()) {
        const auto place = places_.find(event.id());
        if (!whole || place->second.first != append.aggregate_id() || place->second.second.version() != ++version) {
          response.Clear();
          return {grpc::StatusCode::ALREADY_EXISTS, "an id was used before"};
        }
        *result->add_events() = place->second.second;
      }
      result->set_version(version);
    }
    return grpc::Status::OK;
  }

  v1::VersionConflicts Conflicts(const v1::AppendBatchRequest& request) {
    std::map<std::string, int> versions;
    v1::VersionConflicts conflicts;
    for (const auto& append : request.appends()) {
      const int current = static_cast<int>(streams_[append.aggregate_id()].size());
      int& version = versions.try_emplace(append.aggregate_id(), current).first->second;
      if (append.expected_version() != version) {
        auto* conflict = conflicts.add_conflicts();
        conflict->set_aggregate_id(append.aggregate_id());
        conflict->set_actual_version(version);
      }
      version += append.events_size();
    }
    return conflicts;
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> streams_;  // ids in version order
  std::map<std::string, std::pair<std::string, v1::AppendedEvent>> places_;
  int requests_ = 0;
  int fail_after_ = -1;
};

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::string Uuid(char kind, int number) { return fmt::format("{}0000000-0000-4000-8000-{:012}", kind, number); }
std::string Aggregate(int number) { return Uuid('a', number); }

class LoadTest : public testing::Test {
 protected:
  LoadTest() {
    folder_ = std::filesystem::temp_directory_path() / ("eventctl-load-" + client::MakeUuidV7());
    std::filesystem::create_directory(folder_);
  }
  ~LoadTest() override { std::filesystem::remove_all(folder_); }

  static std::string Line(int id, int aggregate, const std::string& type = "t") {
    return fmt::format(R"({{"id":"{}","type":"{}","data":{{"entityId":"{}"}}}})", Uuid('e', id), type,
                       Aggregate(aggregate));
  }

  // 1,000 events of 37 aggregates.
  static std::vector<std::string> ManyLines() {
    std::vector<std::string> lines;
    for (int i = 0; i < 1'000; ++i) lines.push_back(Line(i, i * i % 37));
    return lines;
  }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::string Write(const std::vector<std::string>& lines) const {
    std::ofstream file(Path("input"));
    for (const auto& line : lines) file << line << '\n';
    return Path("input");
  }

  struct Outcome {
    absl::Status status;
    LoadProgress progress;
    std::vector<std::string> complaints;
  };

  Outcome Load(const std::string& path, LoaderOptions options = {}, const Place& from = {}) {
    options.old_position = static_cast<std::int64_t>(store_.ids().size());
    Outcome outcome;
    auto reader = LineReader::Open(path);
    EXPECT_TRUE(reader.ok()) << reader.status();
    EXPECT_TRUE(reader->SkipTo(from).ok());
    const auto client = server_.MakeClient();
    Loader loader(client, options, [&](const std::string& text) { outcome.complaints.push_back(text); });
    outcome.status = loader.Run(*reader, [] { return false; }, [](const LoadProgress&) {});
    outcome.progress = loader.Progress();
    return outcome;
  }

  // Every line's event is stored once, in the order of the lines within each aggregate.
  void ExpectStoredInOrder(const std::vector<std::string>& lines) {
    std::map<std::string, std::vector<std::string>> expected;
    for (const auto& line : lines) {
      const auto parsed = ParseEventLine(line, {});
      expected[parsed->aggregate_id].push_back(parsed->event.id());
    }
    EXPECT_EQ(store_.streams(), expected);
  }

  std::filesystem::path folder_;
  FakeStore store_;
  client::FakeServer server_{&store_};
};

TEST_F(LoadTest, StoresEveryLineOnceInOrder) {
  const auto lines = ManyLines();
  const auto outcome = Load(Write(lines), {.workers = 4, .batch_events = 16});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.progress.counts.stored, 1'000U);
  EXPECT_EQ(outcome.progress.counts.present, 0U);
  EXPECT_EQ(outcome.progress.reached.lines, 1'000U);
  EXPECT_EQ(outcome.progress.reached.bytes, std::filesystem::file_size(Path("input")));
  ExpectStoredInOrder(lines);
}

TEST_F(LoadTest, RepeatingItStoresNothingTwice) {
  const auto lines = ManyLines();
  const auto path = Write(lines);
  ASSERT_TRUE(Load(path, {.workers = 2, .batch_events = 16}).status.ok());
  for (const LoaderOptions& options :
       {LoaderOptions{.workers = 2, .batch_events = 16}, LoaderOptions{.workers = 3, .batch_events = 7},
        LoaderOptions{.workers = 1, .batch_events = 1'000}}) {
    const auto outcome = Load(path, options);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.progress.counts.stored, 0U);
    EXPECT_EQ(outcome.progress.counts.present, 1'000U);
  }
  ExpectStoredInOrder(lines);
}

TEST_F(LoadTest, GoesOnAfterAFailure) {
  const auto lines = ManyLines();
  const auto path = Write(lines);
  store_.FailAfter(20);
  const auto failed = Load(path, {.workers = 3, .batch_events = 16});
  EXPECT_EQ(failed.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store_.ids().size(), 320U);
  store_.FailAfter(-1);
  const auto outcome = Load(path, {.workers = 4, .batch_events = 10});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.progress.counts.present, 320U);
  EXPECT_EQ(outcome.progress.counts.stored, 680U);
  ExpectStoredInOrder(lines);
}

TEST_F(LoadTest, TheWatermarkOfAFailureIsAPlaceToGoOnFrom) {
  const auto lines = ManyLines();
  const auto path = Write(lines);
  store_.FailAfter(20);
  const auto failed = Load(path, {.workers = 3, .batch_events = 16});
  ASSERT_FALSE(failed.status.ok());
  // Everything before the watermark is stored.
  EXPECT_GT(failed.progress.reached.lines, 0U);
  for (std::uint64_t i = 0; i < failed.progress.reached.lines; ++i) {
    EXPECT_TRUE(store_.ids().contains(Uuid('e', static_cast<int>(i)))) << i;
  }
  store_.FailAfter(-1);
  const auto outcome = Load(path, {.workers = 4, .batch_events = 10}, failed.progress.reached);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.progress.reached.lines, 1'000U);
  ExpectStoredInOrder(lines);
}

TEST_F(LoadTest, EventsOfOthersStay) {
  v1::NewEvent foreign;
  for (int i = 0; i < 3; ++i) {
    foreign.set_id(Uuid('f', i));
    store_.Put(Aggregate(0), foreign);
  }
  const auto path = Write({Line(1, 0), Line(2, 1), Line(3, 0)});
  for (int run = 0; run < 2; ++run) {
    const auto outcome = Load(path);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.progress.counts.stored, run == 0 ? 3U : 0U);
    EXPECT_THAT(store_.stream(Aggregate(0)),
                ElementsAre(Uuid('f', 0), Uuid('f', 1), Uuid('f', 2), Uuid('e', 1), Uuid('e', 3)));
    EXPECT_THAT(store_.stream(Aggregate(1)), ElementsAre(Uuid('e', 2)));
  }
}

TEST_F(LoadTest, AnIdThatComesTwiceIsStoredOnce) {
  const auto outcome = Load(Write({Line(1, 0), Line(2, 0), Line(1, 0)}), {.workers = 1, .batch_events = 1});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.progress.counts.stored, 2U);
  EXPECT_EQ(outcome.progress.counts.present, 1U);
  EXPECT_THAT(store_.stream(Aggregate(0)), SizeIs(2));
}

TEST_F(LoadTest, ARefusedLineIsNamed) {
  const auto path = Write({Line(1, 0), Line(2, 0), Line(3, 1, "poison"), Line(4, 0)});
  const auto outcome = Load(path, {.workers = 1});
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("line 3 is refused: it is poison"));
  EXPECT_FALSE(store_.ids().contains(Uuid('e', 3)));
}

TEST_F(LoadTest, BadLinesCanBePassedOver) {
  const auto path =
      Write({Line(1, 0), "nonsense", "", Line(2, 0), Line(3, 1, "poison"), Line(4, 0),
             fmt::format(R"({{"id":"{}","type":"t","aggregate_id":"{}"}})", Uuid('e', 1), Aggregate(9)), Line(5, 1)});
  const auto outcome = Load(path, {.workers = 1, .skip_bad = true});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.progress.counts.stored, 4U);
  EXPECT_EQ(outcome.progress.counts.refused, 3U);
  EXPECT_THAT(outcome.complaints,
              testing::UnorderedElementsAre("line 2 is not a JSON object", HasSubstr("line 5 is refused"),
                                            HasSubstr("line 7 is refused: an id was used before")));
  EXPECT_THAT(store_.stream(Aggregate(0)), ElementsAre(Uuid('e', 1), Uuid('e', 2), Uuid('e', 4)));
  EXPECT_THAT(store_.stream(Aggregate(1)), ElementsAre(Uuid('e', 5)));
}

TEST_F(LoadTest, ABadLineEndsTheLoad) {
  const auto outcome = Load(Write({Line(1, 0), "nonsense", Line(2, 0)}));
  EXPECT_EQ(std::string(outcome.status.message()), "line 2 is not a JSON object");
  EXPECT_LE(outcome.progress.reached.lines, 1U);
}

TEST_F(LoadTest, LinesWithoutIdAreCounted) {
  const auto outcome = Load(Write({fmt::format(R"({{"type":"t","aggregate_id":"{}"}})", Aggregate(0))}));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.progress.without_id, 1U);
  ASSERT_THAT(store_.stream(Aggregate(0)), SizeIs(1));
  EXPECT_THAT(store_.stream(Aggregate(0))[0], SizeIs(36));
}

TEST_F(LoadTest, LastLineMayLackItsEnd) {
  std::ofstream(Path("input")) << Line(1, 0) << '\n' << Line(2, 0);
  const auto outcome = Load(Path("input"));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.progress.counts.stored, 2U);
}

TEST_F(LoadTest, StateFileRemembersAndKnowsItsInput) {
  const std::string path = Write(ManyLines());
  auto reader = LineReader::Open(path);
  ASSERT_TRUE(reader.ok());
  const StateFile state(Path("state"), path, reader->fingerprint());
  ASSERT_TRUE(state.Load().ok());
  EXPECT_FALSE(state.Load()->has_value());
  ASSERT_TRUE(state.Save({.bytes = 120, .lines = 1}).ok());
  EXPECT_EQ(*state.Load(), (Place{.bytes = 120, .lines = 1}));

  const StateFile other(Path("state"), path, reader->fingerprint() + 1);
  EXPECT_THAT(std::string(other.Load().status().message()), HasSubstr("another input"));
  std::ofstream(Path("state")) << "{}";
  EXPECT_THAT(std::string(state.Load().status().message()), HasSubstr("not a state file"));
}

TEST(WatermarkTest, IsTheFirstThatIsNotDone) {
  Watermark mark({.bytes = 0, .lines = 0});
  mark.Began({.bytes = 0, .lines = 0});
  mark.Began({.bytes = 10, .lines = 1});
  mark.Read({.bytes = 50, .lines = 5});
  EXPECT_EQ(mark.Reached().lines, 0U);
  mark.Done({.bytes = 0, .lines = 0});
  EXPECT_EQ(mark.Reached(), (Place{.bytes = 10, .lines = 1}));
  mark.Done({.bytes = 10, .lines = 1});
  EXPECT_EQ(mark.Reached(), (Place{.bytes = 50, .lines = 5}));
}

}  // namespace
}  // namespace eventstore::eventctl
