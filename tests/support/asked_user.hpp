// A user who is asked for passwords and codes, and runs that ask one.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "execo/action_result.hpp"
#include "execo/connection.hpp"
#include "execo/context.hpp"
#include "execo/host_set.hpp"
#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"

namespace execo::test {

/// Gives these answers, then none, and keeps the questions.
class asked_user {
 public:
  explicit asked_user(std::vector<std::string> answers) : answers_(std::move(answers)) {}

  secret_prompt prompt() {
    return secret_prompt([this](const std::string& text) -> std::optional<secret> {
      std::lock_guard lock(mutex_);
      texts_.push_back(text);
      if (texts_.size() > answers_.size()) return std::nullopt;
      return secret(std::string(answers_[texts_.size() - 1]));
    });
  }
  std::vector<std::string> texts() {
    std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  std::mutex mutex_;
  const std::vector<std::string> answers_;
  std::vector<std::string> texts_;
};

inline action_result run_on(const std::string& hosts, const ssh_options& how, context& where) {
  return sync_wait(where, [](std::string set, ssh_options options) -> task<action_result> {
    remote all("true", host_set(set));
    all.ssh(std::move(options));
    co_return co_await all.run();
  }(hosts, how));
}
inline action_result run_on(const std::string& hosts, const ssh_options& how) {
  context here;
  return run_on(hosts, how, here);
}

/// How many ended so.
inline std::size_t failed(const action_result& all, failure_reason why) {
  std::size_t count = 0;
  for (const host_result& r : all.all())
    count += r.how() == end_reason::auth_failed && r.reason() == why ? 1 : 0;
  return count;
}

/// The words of the first one.
inline std::string text_of(const action_result& all) {
  const host_result& first = all.all().front();
  return std::string(to_string(first.how())) + ": " + first.error_context();
}

}  // namespace execo::test
