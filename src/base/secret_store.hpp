// The answers to a secret_prompt, by what they are for: each is asked for once, by whatever thread
// needs it first, and the others wait.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "execo/secret.hpp"

namespace execo::detail {

/// What a layer above keeps with the answers to a prompt.
class secret_companion {
 public:
  virtual ~secret_companion() = default;
};

class secret_store {
 public:
  explicit secret_store(secret_prompt::question ask) : ask_(std::move(ask)) {}

  /// The answer that `fits`: the one that did before, or one that is asked for with `text`, at most
  /// three times. nullopt: there is none. May block.
  static std::optional<secret> find(const secret_prompt& of, const std::string& what,
                                    const std::string& text,
                                    const std::function<bool(const secret&)>& fits);
  /// Asks now, and keeps nothing. nullopt: there is no answer. May block.
  static std::optional<secret> ask_once(const secret_prompt& of, const std::string& text);

  /// Made with the first call. Pre: `Companion` is always the same class.
  template <class Companion>
  static Companion& companion_of(const secret_prompt& of) {
    secret_store& store = *of.store_;
    std::call_once(store.has_companion_,
                   [&store] { store.companion_ = std::make_unique<Companion>(); });
    return static_cast<Companion&>(*store.companion_);
  }

 private:
  std::optional<secret> ask(const std::string& text) noexcept;

  std::mutex mutex_;
  secret_prompt::question ask_;
  std::unordered_map<std::string, std::optional<secret>> known_;
  std::once_flag has_companion_;
  std::unique_ptr<secret_companion> companion_;
};

}  // namespace execo::detail
