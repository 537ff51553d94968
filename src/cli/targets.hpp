// The list of hosts that -w, --hosts-file and -x make.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "execo/host.hpp"
#include "execo/host_set.hpp"

namespace execo::cli {

class target_list {
 public:
  /// Appends the hosts of a set, each once. Errors name `origin`: "-w". A text that begins with /,
  /// ./ or ../ is a file of sets, and "-" is standard input: hosts do not have such names.
  /// Throws: usage_error.
  void add(std::string_view origin, std::string_view set);
  /// Adds the sets of a file, or of standard input for "-": any number on a line, `#` begins a
  /// comment.
  /// Throws: usage_error.
  void add_file(std::string_view origin, const std::string& path);
  /// Leaves hosts out, whether they were added before or are added later. Files as in add().
  /// Throws: usage_error.
  void exclude(std::string_view origin, std::string_view set);

  /// More hosts than this are refused: they are likely a mistake, and each costs memory.
  static constexpr std::size_t max_hosts = 1'000'000;
  void set_max_hosts(std::size_t hosts) noexcept { max_hosts_ = hosts; }
  /// Accepts groups and files without hosts, and an empty list.
  void allow_empty() noexcept { allow_empty_ = true; }

  /// The option whose sets came from standard input; empty: none.
  [[nodiscard]] const std::string& reads_input() const noexcept { return reads_input_; }

  /// The hosts are these, whatever is given besides: nothing is read.
  void fix(std::vector<host> hosts) { fixed_ = std::move(hosts); }

  /// Throws: usage_error if an argument names no host, if no host is left, if there are too many,
  /// or if a name is not a host's.
  [[nodiscard]] std::vector<host> hosts() const;

 private:
  // A set, or hosts that were given one by one: a file of names does not make a set for each.
  class part {
   public:
    explicit part(host_set set) : set(std::move(set)) {}
    host_set set;
    std::vector<std::string> names;
  };

  void note_input(std::string_view origin, std::string_view path);
  void add_set(std::string_view origin, std::string_view text);
  void check_given() const;
  void check_size() const;

  std::vector<part> parts_;              // in the order given
  std::vector<std::string> nothing_in_;  // arguments that name no host
  host_set excluded_;
  std::string reads_input_;
  std::size_t max_hosts_ = max_hosts;
  std::optional<std::vector<host>> fixed_;
  bool any_given_ = false;
  bool allow_empty_ = false;
};

}  // namespace execo::cli
