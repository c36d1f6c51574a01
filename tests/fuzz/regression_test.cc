// The corpus, and inputs made from it by small damage, through every target: what fuzzing found once stays found, in
// every build and without libFuzzer.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/targets.h"

namespace eventstore::fuzz {
namespace {

constexpr int kMutantsPerInput = 400;

struct Input {
  std::string file;
  std::string bytes;
};

std::vector<Input> Corpus(const std::string& folder) {
  std::vector<Input> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.push_back({entry.path().filename(), {std::istreambuf_iterator<char>(file), {}}});
  }
  std::ranges::sort(corpus, [](const Input& a, const Input& b) { return a.file < b.file; });
  return corpus;
}

// The same mutants every time, so that a failure can be repeated.
class Mutator {
 public:
  std::string Mutate(std::string bytes, const std::string& other) {
    for (std::size_t left = 1 + Below(4); left > 0; --left) MutateOnce(bytes, other);
    return bytes;
  }

 private:
  std::size_t Below(std::size_t end) { return end == 0 ? 0 : static_cast<std::size_t>(random_() % end); }

  void MutateOnce(std::string& bytes, const std::string& other) {
    const std::size_t at = Below(bytes.size() + 1);
    switch (Below(6)) {
      case 0:
        bytes.insert(at, 1, static_cast<char>(random_()));
        break;
      case 1:
        bytes.erase(at, 1 + Below(8));
        break;
      case 2:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.insert(at, bytes.substr(Below(bytes.size() + 1), 1 + Below(40)));
        break;
      default:
        bytes.replace(at, Below(20), other, Below(other.size() + 1), 1 + Below(40));
        break;
    }
  }

  std::mt19937_64 random_{20'261'121};
};

// Hexadecimal, since inputs are not text.
std::string Hex(const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(c) & 0x0f]);
  }
  return hex;
}

void RunCorpus(const std::string& folder, std::string (*check)(const std::string&)) {
  const std::vector<Input> corpus = Corpus(folder);
  ASSERT_GT(corpus.size(), 5U) << folder;
  Mutator mutator;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    EXPECT_EQ(check(corpus[i].bytes), "") << corpus[i].file;
    for (int n = 0; n < kMutantsPerInput; ++n) {
      const std::string mutant = mutator.Mutate(corpus[i].bytes, corpus[(i + 1) % corpus.size()].bytes);
      EXPECT_EQ(check(mutant), "") << "made from " << corpus[i].file << ": " << Hex(mutant);
    }
  }
}

TEST(FuzzRegression, JsonObject) { RunCorpus(FUZZ_CORPUS "/json_object", CheckJsonObject); }
TEST(FuzzRegression, Uuid) { RunCorpus(FUZZ_CORPUS "/uuid", CheckUuid); }
TEST(FuzzRegression, Traceparent) { RunCorpus(FUZZ_CORPUS "/traceparent", CheckTraceparent); }
TEST(FuzzRegression, Archive) { RunCorpus(FUZZ_CORPUS "/archive", CheckArchive); }
TEST(FuzzRegression, Jwt) { RunCorpus(FUZZ_CORPUS "/jwt", CheckJwt); }
TEST(FuzzRegression, Mapping) { RunCorpus(FUZZ_CORPUS "/mapping", CheckMapping); }
TEST(FuzzRegression, Erasure) { RunCorpus(FUZZ_CORPUS "/erasure", CheckErasure); }
TEST(FuzzRegression, Config) { RunCorpus(FUZZ_CORPUS "/config", CheckConfig); }
TEST(FuzzRegression, Token) { RunCorpus(FUZZ_CORPUS "/token", CheckToken); }
TEST(FuzzRegression, RecordRequest) { RunCorpus(FUZZ_CORPUS_BUILT "/operations", CheckRecordRequest); }
TEST(FuzzRegression, Request) { RunCorpus(FUZZ_CORPUS_BUILT "/request", CheckRequest); }

}  // namespace
}  // namespace eventstore::fuzz
