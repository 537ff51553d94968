// Which command each host of an action runs: one for all of them, or, where there are references to
// replace or a function of the caller's, one of its own, made when the host begins.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "action/execution_factory.hpp"
#include "action/substitution.hpp"
#include "execo/command.hpp"
#include "execo/detail/value_list.hpp"
#include "execo/host.hpp"
#include "process/taken_stdio.hpp"

namespace execo::detail {

class host_commands {
 public:
  explicit host_commands(command of_all);
  host_commands(const host_commands&) = delete;
  host_commands& operator=(const host_commands&) = delete;
  ~host_commands();

  // -- configuration, before the start ----------------------------------------------------------
  command what;
  command_maker make;  // empty: none but `what`
  /// Of a copy: files and directories here, with references as in paths of sinks.
  std::vector<std::string> local_paths;
  /// The first of them is where the files of a host go. Without references it has a directory for
  /// each host.
  bool writes_local_path = false;
  std::size_t count = 0;  // hosts of the whole run, with those that are not to be run any more

  /// Throws: std::invalid_argument for a bad name, no values or a NUL byte.
  void set_values(std::string_view name, value_list values);
  /// Nothing is replaced.
  void keep_braces() noexcept { keeps_braces_ = true; }

  // -- the start, on the thread of the caller ---------------------------------------------------
  /// Takes the streams as they are now. Throws: std::invalid_argument.
  void prepare();
  bool is_prepared() const noexcept { return shared_ != nullptr; }

  // -- on the action's loop ---------------------------------------------------------------------
  /// Before the first host begins: for a value that a shell would read, for a file that two hosts
  /// would write, and the like. Throws: std::invalid_argument.
  /// `positions`: of the hosts in the whole run; empty: as they stand.
  void check(const std::vector<host>& hosts, const std::vector<std::size_t>& positions,
             const execution_factory& by) const;

  class run {
   public:
    std::shared_ptr<const command> what;
    taken_stdio stdio;
    std::shared_ptr<const std::vector<std::string>> local_paths;
    std::string_view father_mark;  // in `what`; empty: it is not there
  };
  /// Throws: what `make` throws; std::invalid_argument for what it returned.
  run run_on(const host& where, std::size_t index, unsigned attempt,
             const execution_factory& by) const;

  /// Whether each host has local paths of its own. Pre: is_prepared().
  bool local_paths_differ() const noexcept;

  /// How many files the outputs of each host are written to. Pre: is_prepared().
  std::size_t files_of_each() const;

  /// Their text, before anything is replaced in it; of a copy, its name.
  std::string text() const;
  /// What all of them are called.
  std::string name() const;
  /// The name of the command of a host that did not begin.
  std::string name_for(const host& where, std::size_t index, const execution_factory& by) const;

  /// No further host begins: the other end of what was lent sees the end.
  void release_stdio() noexcept { stdio_.release(); }

 private:
  class templates;

  host_values values_for(const host& where, std::size_t index, const execution_factory& by) const;
  command command_for(const host_values& values, const execution_factory& by) const;
  taken_stdio stdio_for(const host_values& values) const;
  std::vector<std::string> local_paths_for(const host_values& values) const;
  static std::string path_for(const text_template& path, const host_values& values);
  const value_series* series_of(reference what) const noexcept;
  void check_father(const host& where, const execution_factory& by) const;
  void check_marks(const host_values& values, const host& where, const execution_factory& by) const;
  void check_host(const host& where, std::size_t index, const execution_factory& by) const;
  void check_value(reference what, const host_values& values, const host& where,
                   bool is_text) const;
  void check_files(const std::vector<host>& hosts, const std::vector<std::size_t>& positions,
                   const execution_factory& by) const;
  void check_local_path(const std::vector<host>& hosts, const std::vector<std::size_t>& positions,
                        const execution_factory& by) const;

  std::vector<value_series> series_;
  bool keeps_braces_ = false;
  std::shared_ptr<const command> shared_;
  taken_stdio stdio_;
  std::shared_ptr<const std::vector<std::string>> shared_paths_;
  std::unique_ptr<const templates> templates_;  // null: nothing is replaced
};

}  // namespace execo::detail
