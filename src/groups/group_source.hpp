#pragma once

// One source of groups: a table, kept or made anew from time to time, or commands. Answers are the
// text of host sets; who asks reads them.

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

  // All throw source_failure; nullopt when the source has no way to tell.
  [[nodiscard]] virtual std::string members(const std::string& group) = 0;
  [[nodiscard]] virtual std::optional<std::string> all() = 0;
  [[nodiscard]] virtual std::optional<std::vector<std::string>> names() = 0;
};

/// Answers from a table that `load` makes; it is made again when it is old.
class table_source final : public group_source {
 public:
  table_source(std::function<group_table()> load, cache_times times)
      : load_(std::move(load)), times_(times) {}
  explicit table_source(group_table table) : table_(std::move(table)), loaded_(true) {}

  std::string members(const std::string& group) override;
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

/// Asks a command for each answer.
class command_source final : public group_source {
 public:
  struct commands {
    std::string map;
    std::string all;
    std::string list;
    std::filesystem::path directory;
    std::chrono::milliseconds timeout{30'000};
    cache_times times;
  };

  command_source(std::string name, commands how) : name_(std::move(name)), how_(std::move(how)) {}

  std::string members(const std::string& group) override;
  std::optional<std::string> all() override;
  std::optional<std::vector<std::string>> names() override;

 private:
  struct answer {
    std::string text;
    std::chrono::steady_clock::time_point made;
  };
  std::string ask(const std::string& command, const std::string& group);

  std::string name_;
  commands how_;
  std::mutex mutex_;
  std::map<std::string, answer> answers_;  // by command with its group filled in
};

/// $NAME and ${NAME} replaced; a $ of any other name stays.
[[nodiscard]] std::string substitute(std::string_view text,
                                     const std::map<std::string, std::string>& values);

/// Names separated by blanks as the text of one set.
[[nodiscard]] std::string join_words(std::string_view text);

}  // namespace execo::detail
