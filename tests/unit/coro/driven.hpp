// A second context for tests of what crosses from one to another.
#pragma once

#include <thread>

#include "execo/context.hpp"

namespace execo::test {

/// A context with a thread of its own.
class driven {
 public:
  driven() : thread_([this] { context_.run(); }) {}
  driven(const driven&) = delete;
  driven& operator=(const driven&) = delete;
  ~driven() {
    context_.stop();
    thread_.join();
  }
  context& get() { return context_; }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  context context_;
  std::thread thread_;
};

}  // namespace execo::test
