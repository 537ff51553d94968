#pragma once

// One source of groups: a table, which may be reloaded from time to time, or commands. Answers are
// text as in files and from commands; group_sources parses it by one rule for all sources.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "groups/command_runner.hpp"

namespace execo::detail {

using group_table = std::map<std::string, std::string>;

struct cache_times {
  std::chrono::milliseconds fresh{3'600'000};
  std::chrono::milliseconds stale{0};
};

class group_source {
 public:
  group_source() = default;
  group_source(const group_source&) = delete;
  group_source& operator=(const group_source&) = delete;
  virtual ~group_source() = default;

  // All throw source_failure.

  /// nullopt if there is certainly no such group.
  [[nodiscard]] virtual std::optional<std::string> members(const std::string& group) = 0;
  /// nullopt, here and below, if the source cannot answer.
  [[nodiscard]] virtual std::optional<std::string> all() = 0;
  [[nodiscard]] virtual std::optional<std::vector<std::string>> names() = 0;
  /// Whether the source supports groups_of().
  [[nodiscard]] virtual bool has_reverse() const { return false; }
  /// The names of the groups that have this host.
  [[nodiscard]] virtual std::vector<std::string> groups_of(const std::string& host) {
    static_cast<void>(host);
    return {};
  }
};

/// Answers from a table that `load` makes, and makes again when it has expired.
class table_source final : public group_source {
 public:
  table_source(std::function<group_table()> load, cache_times times)
      : load_(std::move(load)), times_(times) {}
  explicit table_source(group_table table) : table_(std::move(table)), loaded_(true) {}

  std::optional<std::string> members(const std::string& group) override;
  std::optional<std::string> all() override;
  std::optional<std::vector<std::string>> names() override;

 private:
  const group_table& table();

  std::function<group_table()> load_;
  cache_times times_;
  std::mutex mutex_;
  group_table table_;
  bool loaded_ = false;
  std::chrono::steady_clock::time_point made_{};
};

/// Runs a command for each answer.
class command_source final : public group_source {
 public:
  struct commands {
    std::string map;
    std::string all;
    std::string list;
    std::string map_all;
    std::string reverse;
    std::filesystem::path directory;
    std::chrono::milliseconds timeout{30'000};
    cache_times times;
  };

  command_source(std::string name, commands how);

  std::optional<std::string> members(const std::string& group) override;
  std::optional<std::string> all() override;
  std::optional<std::vector<std::string>> names() override;

  bool has_reverse() const override { return !how_.reverse.empty(); }
  std::vector<std::string> groups_of(const std::string& host) override;

 private:
  struct answer {
    std::string text;
    std::chrono::steady_clock::time_point made;
  };
  using values = std::map<std::string, std::string>;
  std::string ask(const std::string& command, const values& filled_in);
  bool is_listed(const std::string& group);

  std::string name_;
  commands how_;
  std::optional<table_source> map_all_;
  std::mutex mutex_;
  std::map<std::string, answer> answers_;  // by command, with its variables replaced
};

/// $NAME and ${NAME} replaced; a $ of any other name stays.
[[nodiscard]] std::string substitute(std::string_view text,
                                     const std::map<std::string, std::string>& values);

/// The words between blanks and newlines; what follows # on its line is a comment.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);

/// The names in a list of groups, sorted: words, each of which may be a set of names.
[[nodiscard]] std::vector<std::string> names_in(std::string_view list);

/// What files and commands write about hosts as the text of one set: blanks, newlines and commas
/// separate, any number of them; # begins a comment; text in brackets is not split.
[[nodiscard]] std::string normalize(std::string_view text);

}  // namespace execo::detail
