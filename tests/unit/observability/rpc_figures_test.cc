#include "server/observability/rpc_figures.h"

#include <prometheus/text_serializer.h>

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"

namespace eventstore::observability {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const RpcFigures& figures) { return prometheus::TextSerializer().Serialize(figures.Collect()); }

std::vector<RpcName> Names() {
  return {{.service = "S", .method = "Put"},
          {.service = "S", .method = "Follow", .streams = true, .endless = true},
          {.service = "S", .method = "List", .streams = true}};
}

TEST(RpcFigures, CountsByCodeAndReason) {
  RpcFigures figures(Names());
  for (int i = 0; i < 3; ++i) figures.Began(0);
  figures.Ended(0, 0, milliseconds{1});
  figures.Ended(0, 10, milliseconds{1});
  figures.Failed(0, "VERSION_CONFLICT");
  const std::string text = Text(figures);
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_requests_total{service=\"S\",method=\"Put\",code=\"OK\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_requests_total{service=\"S\",method=\"Put\",code=\"ABORTED\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("eventstore_rpc_errors_total{service=\"S\",method=\"Put\",reason=\"VERSION_CONFLICT\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_in_flight{service=\"S\",method=\"Put\"} 1\n"));
  // OK is there before the first call, so that this one shows as a rate; other codes only when they came.
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_requests_total{service=\"S\",method=\"List\",code=\"OK\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("INTERNAL")));
}

TEST(RpcFigures, TimesGoIntoTheBucketThatTheyAreNotAbove) {
  RpcFigures figures(Names());
  figures.Ended(0, 0, milliseconds{1});
  figures.Ended(0, 0, milliseconds{1} + std::chrono::nanoseconds{1});
  figures.Ended(0, 0, std::chrono::hours{1});
  const std::string text = Text(figures);
  const std::string of = "eventstore_rpc_duration_seconds";
  EXPECT_THAT(text, HasSubstr(of + "_bucket{service=\"S\",method=\"Put\",le=\"0.0005\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(of + "_bucket{service=\"S\",method=\"Put\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(of + "_bucket{service=\"S\",method=\"Put\",le=\"0.0025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(of + "_bucket{service=\"S\",method=\"Put\",le=\"30\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(of + "_bucket{service=\"S\",method=\"Put\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(of + "_count{service=\"S\",method=\"Put\"} 3\n"));
}

TEST(RpcFigures, OfStreamsMessagesAndNoDurationWithoutAnEnd) {
  RpcFigures figures(Names());
  figures.Received(1, 10);
  figures.Sent(1, 20);
  figures.Sent(1, 22);
  figures.Ended(1, 1, std::chrono::hours{1});
  const std::string text = Text(figures);
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_messages_received_total{service=\"S\",method=\"Follow\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_messages_sent_total{service=\"S\",method=\"Follow\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_sent_bytes_total{service=\"S\",method=\"Follow\"} 42\n"));
  EXPECT_THAT(text, Not(HasSubstr("duration_seconds_count{service=\"S\",method=\"Follow\"}")));
  EXPECT_THAT(text, Not(HasSubstr("messages_sent_total{service=\"S\",method=\"Put\"}")));
}

TEST(RpcFigures, NothingIsLostAmongThreads) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 10'000;
  RpcFigures figures(Names());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < kCalls; ++n) {
          figures.Began(0);
          figures.Ended(0, 0, milliseconds{n % 5});
        }
      });
    }
  }
  const std::string text = Text(figures);
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_requests_total{service=\"S\",method=\"Put\",code=\"OK\"} 80000\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_rpc_in_flight{service=\"S\",method=\"Put\"} 0\n"));
}

TEST(CodeName, OfWhatIsNone) {
  EXPECT_EQ(CodeName(14), "UNAVAILABLE");
  EXPECT_EQ(CodeName(-1), "UNKNOWN");
  EXPECT_EQ(CodeName(17), "UNKNOWN");
}

}  // namespace
}  // namespace eventstore::observability
