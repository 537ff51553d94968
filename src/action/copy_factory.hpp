// What put and get have in common as kinds of action: the way to the hosts, and their options.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "action/copy_way.hpp"
#include "action/execution_factory.hpp"
#include "action/fanout_action.hpp"
#include "transfer/copy_counts.hpp"
#include "transfer/copy_execution.hpp"
#include "transfer/sftp_copy.hpp"
#include "transfer/skip_rule.hpp"

namespace execo::detail {

class copy_execution;
class sftp_copy;

class copy_factory : public execution_factory {
 public:
  // -- configuration, before the start ----------------------------------------------------------
  copy_way way;
  bool preserves = false;
  bool resumes = false;
  bool syncs = false;
  skip_rule skip = skip_rule::none;
  std::uint64_t bytes_a_second_in_all = 0;
  std::uint64_t bytes_a_second_each = 0;
  duration idle_timeout{0};
  bool by_sftp = false;  // from the start on

  const copy_counts& counts() const noexcept { return *counts_; }

  void prepare(const command& what) override;
  void begin(loop& on) override;
  std::size_t ring_of(const host& where, std::size_t rings) const noexcept override {
    return way.factory().ring_of(where, rings);
  }
  std::size_t usual_fanout() const noexcept override {
    return way.is_by_others() ? way.factory().usual_fanout() : execution_factory::usual_fanout();
  }
  std::size_t descriptors() const noexcept override { return way.factory().descriptors() + 1; }
  std::size_t spare_descriptors(loop& on) const noexcept override {
    return way.factory().spare_descriptors(on);
  }
  login_place login_to(const host& where) const override { return way.factory().login_to(where); }
  command_place place() const noexcept override { return way.factory().place(); }
  bool reaches_all_itself() const noexcept override { return way.factory().reaches_all_itself(); }
  void end(std::size_t ring) noexcept override { way.factory().end(ring); }

 protected:
  /// A script_command() on the host, with that mark.
  intrusive_ptr<lifecycle> run_script(loop& on, std::size_t ring, attempt what,
                                      const std::string& mark);
  /// Writes what the settings are into a script_command().
  virtual void write_settings(command& script) const { (void)script; }
  /// What every share has. Pre: begin() was called.
  void fill(copy_share& share) const;
  const std::shared_ptr<copy_counts>& shared_counts() const noexcept { return counts_; }
  /// Where relative paths begin.
  const std::string& directory() const noexcept { return directory_; }
  std::size_t rings() const noexcept { return rings_; }
  /// Whether the script reads what it is sent.
  bool sends_input = false;

  /// The SFTP subsystem of the host's ssh server. `what`: of a script_command().
  intrusive_ptr<lifecycle> run_sftp(loop& on, std::size_t ring, attempt what);
  static intrusive_ptr<execution> as_execution(const intrusive_ptr<sftp_copy>& made);
  /// The last `count` words that the script of `what` is given: paths on the host.
  static std::vector<std::string> script_paths(const command& what, std::size_t count);
  /// Agents of a tree may write the file.
  bool sends_by_agents() const noexcept;
  /// Its agent, over the tree. `what`: of a script_command(). Pre: sends_by_agents().
  intrusive_ptr<lifecycle> run_agent(loop& on, std::size_t ring, attempt what,
                                     std::shared_ptr<tree_file> file);
  /// `first`, and where the host runs no script, what `second` makes of a run_sftp().
  intrusive_ptr<execution> with_fallback(
      loop& on, std::size_t ring, const attempt& what, intrusive_ptr<copy_execution> first,
      std::function<intrusive_ptr<sftp_copy>(intrusive_ptr<lifecycle>)> second);

 private:
  std::shared_ptr<copy_counts> counts_ = std::make_shared<copy_counts>();
  std::string directory_;
  taken_stdio stdio_;
  taken_stdio sftp_stdio_;
  std::size_t rings_ = 1;
};

/// A script that is short enough for a server that takes 9,000 bytes, and one line: without
/// indentation, comments and the section `without`, which is between `#+SECTION` and `#-`, and with
/// a backquote, which no script of ours has, for each newline.
std::string packed_script(std::string_view script, std::string_view without = {});

/// `sh -c LOADER NAME PART... MARK WORD...`, which is shown as `shown`: the parts are those of a
/// packed_script(), since csh takes no long word. Each host gets a mark of its own.
command script_command(std::string_view packed, const char* name, std::vector<std::string> words,
                       std::string shown);
/// Another script in its place.
void set_script(command& of, std::string_view packed);
constexpr std::size_t script_parts = 6;
constexpr std::size_t first_script_word = 5 + script_parts;

/// "app.tar", "app.tar and 2 more".
std::string shown_paths(const std::vector<std::string>& paths);

/// Throws: std::invalid_argument for none, an empty one, a NUL byte.
void check_paths(const std::vector<std::string>& paths, const char* what);

/// Of a put or a get.
void take_copy_way(fanout_action& to, ssh_options options);
std::string take_copy_tree_if_faster(fanout_action& to);

/// The factory of a put or a get that can still be configured, and the action.
copy_factory& configurable_copy(action& a);

}  // namespace execo::detail
