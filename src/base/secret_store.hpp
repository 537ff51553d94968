// The answers to a secret_prompt, by what they are for: each is asked for once, by whatever thread
// needs it first, and the others wait.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "execo/secret.hpp"

namespace execo::detail {

class secret_store {
 public:
  explicit secret_store(secret_prompt::question ask) : ask_(std::move(ask)) {}

  /// The answer that `fits`: the one that did before, or one that is asked for with `text`, at most
  /// three times. nullopt: there is none. May block.
  static std::optional<secret> find(const secret_prompt& of, const std::string& what,
                                    const std::string& text,
                                    const std::function<bool(const secret&)>& fits);

 private:
  std::optional<secret> ask(const std::string& text) noexcept;

  std::mutex mutex_;
  secret_prompt::question ask_;
  std::unordered_map<std::string, std::optional<secret>> known_;
};

}  // namespace execo::detail
