// What a completion queue hands back: an object that knows what has ended.
#pragma once

namespace eventstore::eventbench {

class Completion {
 public:
  virtual void Done(bool ok) = 0;

 protected:
  ~Completion() = default;
};

// Calls one method of its owner. A member of the owner, one for each kind of event that may be outstanding.
template <auto method>
class Bound;

template <typename Owner, void (Owner::*method)(bool)>
class Bound<method> final : public Completion {
 public:
  explicit Bound(Owner* owner) : owner_(owner) {}
  void Done(bool ok) override { (owner_->*method)(ok); }

 private:
  Owner* owner_;
};

}  // namespace eventstore::eventbench
