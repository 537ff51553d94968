// Runs a test once with each backend: contexts and loops that it makes take the one it is for.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "execo/context.hpp"

namespace execo::test {

/// EXECO_BACKEND for the life of this object.
class forced_backend {
 public:
  explicit forced_backend(const char* name) {
    const char* before = std::getenv("EXECO_BACKEND");
    had_ = before != nullptr;
    if (had_) before_ = before;
    ::setenv("EXECO_BACKEND", name, 1);
  }
  forced_backend(const forced_backend&) = delete;
  forced_backend& operator=(const forced_backend&) = delete;
  ~forced_backend() {
    if (had_) {
      ::setenv("EXECO_BACKEND", before_.c_str(), 1);
    } else {
      ::unsetenv("EXECO_BACKEND");
    }
  }

 private:
  bool had_ = false;
  std::string before_;
};

/// Whether this machine lets us have it: io_uring may be denied.
inline bool can_have(const char* name) {
  forced_backend chosen(name);
  try {
    context probe;
  } catch (const std::invalid_argument&) {
    return false;
  }
  return true;
}

class on_each_backend : public ::testing::TestWithParam<const char*> {
 protected:
  // Here and not in SetUp: a fixture's members may make loops, too. They get epoll in a test that
  // is skipped.
  on_each_backend() : backend_(can_have(GetParam()) ? GetParam() : "epoll") {
    if (!can_have(GetParam())) skip();
  }
  bool on_epoll() const { return std::string(GetParam()) == "epoll"; }

 private:
  static void skip() { GTEST_SKIP() << "no " << GetParam() << " here"; }

  forced_backend backend_;
};

}  // namespace execo::test

#define EXECO_ON_EACH_BACKEND(fixture)                                       \
  INSTANTIATE_TEST_SUITE_P(on, fixture, ::testing::Values("uring", "epoll"), \
                           [](const auto& chosen) { return std::string(chosen.param); })
