/// Passwords and passphrases: kept apart from other text, and asked for once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace execo {

/// A text that nothing prints. Its memory is locked where the system allows it, is left out of core
/// dumps, and is wiped with the last copy. Two secrets are equal if one is a copy of the other.
class secret {
 public:
  secret() = default;
  /// Takes over the text, and wipes it where it was.
  /// Pre: `text` is at most 4,000 bytes. Throws: std::invalid_argument if it is longer,
  /// std::system_error if there is no memory for it.
  explicit secret(std::string&& text);

  /// Followed by a NUL that is not part of it. Valid as long as a copy of the secret is.
  std::string_view reveal() const noexcept;

  friend bool operator==(const secret&, const secret&) = default;

 private:
  class page;
  std::shared_ptr<const page> text_;
};

namespace detail {
class secret_store;
}

/// Whom to ask for a secret. Copies share what was answered, and are equal to each other only.
class secret_prompt {
 public:
  /// Gets the text to show to the user: "Enter passphrase for key '/home/ops/.ssh/id_ed25519': ".
  /// nullopt: there is no answer, and the question is not put again.
  using question = std::function<std::optional<secret>(const std::string& text)>;

  secret_prompt() = default;
  /// `ask` may block. It is called on threads of execo's, once at a time; what it throws counts as
  /// no answer.
  secret_prompt(question ask);

  explicit operator bool() const noexcept { return store_ != nullptr; }
  friend bool operator==(const secret_prompt&, const secret_prompt&) = default;

 private:
  friend class detail::secret_store;
  std::shared_ptr<detail::secret_store> store_;
};

}  // namespace execo
