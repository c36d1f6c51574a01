#include "tools/eventctl/output/tree.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

namespace eventstore::eventctl {
namespace {

struct Strokes {
  const char* branch;
  const char* last;
  const char* pass;
  const char* none;
};
constexpr Strokes kUtf8{"├─ ", "└─ ", "│  ", "   "};
constexpr Strokes kAscii{"|- ", "`- ", "|  ", "   "};

// Deeper nodes are drawn as deep as this: a chain of thousands would be all indentation.
constexpr int kMaxDepth = 24;

class Layout {
 public:
  Layout(const std::vector<TreeNode>& nodes, bool utf8) : nodes_(nodes), strokes_(utf8 ? kUtf8 : kAscii) {}

  std::vector<TreeLine> Run() {
    std::unordered_map<std::string_view, std::size_t> by_id;
    for (std::size_t i = 0; i < nodes_.size(); ++i) by_id.emplace(nodes_[i].id, i);
    effects_.resize(nodes_.size());
    placed_.resize(nodes_.size());
    std::vector<std::size_t> roots;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto cause = nodes_[i].cause.empty() ? by_id.end() : by_id.find(nodes_[i].cause);
      if (cause == by_id.end()) {
        roots.push_back(i);
      } else {
        effects_[cause->second].push_back(i);
      }
    }
    for (const std::size_t root : roots) Place(root, !nodes_[root].cause.empty());
    // What no root leads to is in a circle.
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!placed_[i]) Place(i, false);
    }
    return std::move(lines_);
  }

 private:
  struct Pending {
    std::size_t node;
    std::string indent;  // of what hangs below the node
    std::string branch;
    bool outside_cause;
    int depth;
  };

  // With a stack of its own: a chain of causes may be as long as the workflow.
  void Place(std::size_t root, bool outside_cause) {
    std::vector<Pending> stack{{root, "", "", outside_cause, 0}};
    while (!stack.empty()) {
      const Pending now = std::move(stack.back());
      stack.pop_back();
      if (placed_[now.node]) continue;
      placed_[now.node] = true;
      lines_.push_back({now.branch, now.node, now.outside_cause});
      std::vector<std::size_t> below;
      std::ranges::copy_if(effects_[now.node], std::back_inserter(below), [&](std::size_t i) { return !placed_[i]; });
      for (std::size_t i = below.size(); i-- > 0;) {
        const bool last = i + 1 == below.size();
        const std::string indent =
            now.depth < kMaxDepth ? now.indent + (last ? strokes_.none : strokes_.pass) : now.indent;
        stack.push_back(
            {below[i], indent, now.indent + (last ? strokes_.last : strokes_.branch), false, now.depth + 1});
      }
    }
  }

  const std::vector<TreeNode>& nodes_;
  const Strokes strokes_;
  std::vector<std::vector<std::size_t>> effects_;
  std::vector<bool> placed_;
  std::vector<TreeLine> lines_;
};

}  // namespace

std::vector<TreeLine> LayOutTree(const std::vector<TreeNode>& nodes, bool utf8) { return Layout(nodes, utf8).Run(); }

}  // namespace eventstore::eventctl
