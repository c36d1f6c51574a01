// A workflow drawn as a tree of causes and effects.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::eventctl {

// What the tree needs of an event; the rest of it need not be held.
struct TreeNode {
  std::string id;
  std::string cause;  // id of another node, of something outside, or empty
  std::string label;
};

struct TreeLine {
  std::string branch;  // "│  └─ "
  std::size_t node;    // index
  bool outside_cause;  // it has a cause, but that is not among the nodes
};

// Every node once, each below its cause, siblings in the order given. A circle of causes, which no store should hold, is
// cut where it is first met.
std::vector<TreeLine> LayOutTree(const std::vector<TreeNode>& nodes, bool utf8);

}  // namespace eventstore::eventctl
