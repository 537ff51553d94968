/// journal: what a run wrote about itself as it went on: which hosts have done, and which have not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "execo/detail/compiler.hpp"
#include "execo/detail/words.hpp"
#include "execo/host.hpp"
#include "execo/host_set.hpp"
#include "execo/status.hpp"

namespace execo {

/// What is wrong with a journal.
enum class journal_errc : std::uint8_t {
  exists,       ///< a new run was to write a file that is there already
  unreadable,   ///< the file cannot be opened or read
  damaged,      ///< it is no journal, or of a later version, or lacks its first record
  in_use,       ///< another run writes it
  other_hosts,  ///< it is of other hosts than those of the action
  not_written,  ///< a record could not be written: the disk is full, say
};

/// Thrown for a journal that cannot be used. `what()` is one line that names the file and the cure.
class journal_error : public std::runtime_error {
 public:
  journal_error(journal_errc code, const std::string& what)
      : std::runtime_error(what), code_(code) {}
  [[nodiscard]] journal_errc code() const noexcept { return code_; }

 private:
  journal_errc code_;
};

/// What a journal says of a host.
enum class journal_state : std::uint8_t {
  not_started,  ///< the command was not run there
  unknown,      ///< it may have been run, and its end is not known
  done,         ///< it ended, well or not, or the host could not be reached
};
/// The bare word: "not_started", "unknown" or "done".
std::string_view to_string(journal_state what) noexcept;

/// What a journal says of one host, by its last records.
class journal_entry {
 public:
  journal_entry() = default;
  journal_state state = journal_state::not_started;
  /// Of a host that is `done`: what result::ok() and result::how() said; nothing for a word that
  /// this version does not know.
  bool ok = false;
  std::optional<end_reason> how;
  /// The exit code, if it exited.
  std::optional<int> code;
  /// How often the command was about to begin there.
  unsigned attempts = 0;
};

/// A journal as it was when it was read. A run may go on writing meanwhile; a last line that is not
/// complete is left out. Copies share what was read. docs/journal.md has the format.
class journal {
 public:
  /// Throws: journal_error.
  explicit journal(const std::filesystem::path& file);

  [[nodiscard]] const std::filesystem::path& file() const noexcept;
  /// The version of execo that began it, and the time, as format_time() has it.
  [[nodiscard]] const std::string& version() const noexcept;
  [[nodiscard]] const std::string& began() const noexcept;
  /// The text of the command, before anything was replaced in it.
  [[nodiscard]] const std::string& command() const noexcept;
  /// What journal_options were given: empty if nothing was.
  [[nodiscard]] const std::vector<std::string>& arguments() const noexcept;
  [[nodiscard]] const std::string& directory() const noexcept;
  [[nodiscard]] const std::map<std::string, std::string>& connection() const noexcept;

  /// All hosts of the run, in its order.
  [[nodiscard]] const std::vector<host>& hosts() const noexcept;
  /// The hosts in a state: `not_started`, `unknown`, `done`; `ok` and `failed`, of those that are
  /// done; `all`.
  /// Throws: std::invalid_argument for another word.
  [[nodiscard]] host_set hosts(std::string_view state) const;
  /// How many are in that state. Throws: as above.
  [[nodiscard]] std::size_t count(std::string_view state) const;
  /// By position. Throws: std::out_of_range.
  [[nodiscard]] const journal_entry& entry(std::size_t index) const;

 private:
  class state;
  std::shared_ptr<const state> state_;
};

/// Which journal an action writes, and what that says besides: see fanout_options::journal().
class journal_options {
 public:
  template <detail::text_like Text>
  journal_options(const Text& file)  // NOLINT(google-explicit-constructor)
      : file_(std::string_view(file)) {}

  /// What makes this run once more: kept in the first record, for who resumes it. Never put a
  /// secret there.
  journal_options& arguments(std::vector<std::string> words) & {
    return arguments_ = std::move(words), *this;
  }
  journal_options arguments(std::vector<std::string> words) && {
    return std::move(arguments(std::move(words)));
  }
  journal_options& directory(detail::text_view path) & {
    return directory_ = std::string_view(path), *this;
  }
  journal_options directory(detail::text_view path) && { return std::move(directory(path)); }
  /// One fact on how hosts were reached, for people.
  journal_options& connection(detail::text_view name, detail::text_view value) & {
    connection_[std::string(std::string_view(name))] = std::string_view(value);
    return *this;
  }
  journal_options connection(detail::text_view name, detail::text_view value) && {
    return std::move(connection(name, value));
  }

  /// Goes on with the run of a journal that is there: the action keeps only the hosts where the
  /// command was not run, at the positions that they had, and appends to the file.
  journal_options& resume() & { return resumes_ = true, *this; }
  journal_options resume() && { return std::move(resume()); }
  /// Those where it may have been run are `unknown`, and stay so, unless the command does no harm
  /// when it is run twice.
  journal_options& idempotent() & { return idempotent_ = true, *this; }
  journal_options idempotent() && { return std::move(idempotent()); }

  /// Makes it the run that `@last` means: see remember_run().
  journal_options& remember() & { return remembers_ = true, *this; }
  journal_options remember() && { return std::move(remember()); }

  [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
  [[nodiscard]] const std::vector<std::string>& arguments() const noexcept { return arguments_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] const std::map<std::string, std::string>& connection() const noexcept {
    return connection_;
  }
  [[nodiscard]] bool resumes() const noexcept { return resumes_; }
  [[nodiscard]] bool is_idempotent() const noexcept { return idempotent_; }
  [[nodiscard]] bool remembers() const noexcept { return remembers_; }

 private:
  std::filesystem::path file_;
  std::vector<std::string> arguments_;
  std::string directory_;
  std::map<std::string, std::string> connection_;
  bool resumes_ = false;
  bool idempotent_ = false;
  bool remembers_ = false;
};

/// Gives a journal a name among the runs of this user, and makes it the last one: `@run/ID:failed`
/// and `@last:failed` are sets of its hosts from then on. Returns the ID: the time (UTC) and the
/// process, 20261129-185500-4242. It is a symbolic link in ~/.local/state/execo/runs, or under
/// $XDG_STATE_HOME; only the newest 1000 are kept.
/// Throws: std::system_error.
std::string remember_run(const std::filesystem::path& file);

}  // namespace execo
