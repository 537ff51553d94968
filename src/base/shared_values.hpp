// Values by type, one of each, that layers above keep in a place which several threads share.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace execo::detail {

/// Thread: any.
class shared_values {
 public:
  template <class Value>
  void set(Value value) {
    put(&key<Value>, std::make_shared<const Value>(std::move(value)));
  }
  /// Null: none was set.
  template <class Value>
  std::shared_ptr<const Value> find() const {
    return std::static_pointer_cast<const Value>(get(&key<Value>));
  }
  /// What was set, else what `make()` gives, which is set by this. `make` uses no shared_values.
  template <class Value, class Make>
  std::shared_ptr<const Value> find_or_make(Make make) {
    std::lock_guard lock(mutex_);
    auto known = std::ranges::find(values_, &key<Value>, &std::pair<const void*, pointer>::first);
    if (known == values_.end())
      known = values_.emplace(values_.end(), &key<Value>, std::make_shared<const Value>(make()));
    return std::static_pointer_cast<const Value>(known->second);
  }

 private:
  using pointer = std::shared_ptr<const void>;

  template <class Value>
  static constexpr char key = 0;

  void put(const void* as, pointer value) {
    std::lock_guard lock(mutex_);
    auto known = std::ranges::find(values_, as, &std::pair<const void*, pointer>::first);
    if (known == values_.end()) {
      values_.emplace_back(as, std::move(value));
    } else {
      // What goes is destroyed after the lock.
      known->second.swap(value);
    }
  }
  pointer get(const void* as) const {
    std::lock_guard lock(mutex_);
    auto known = std::ranges::find(values_, as, &std::pair<const void*, pointer>::first);
    return known == values_.end() ? nullptr : known->second;
  }

  mutable std::mutex mutex_;
  std::vector<std::pair<const void*, pointer>> values_;
};

}  // namespace execo::detail
