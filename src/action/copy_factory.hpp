// What put and get have in common as kinds of action: the way to the hosts, and their options.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "action/execution_factory.hpp"
#include "action/fanout_action.hpp"
#include "transfer/copy_counts.hpp"
#include "transfer/copy_execution.hpp"
#include "transfer/skip_rule.hpp"

namespace execo::detail {

class copy_factory : public execution_factory {
 public:
  copy_factory();

  // -- configuration, before the start ----------------------------------------------------------
  void set_ssh(ssh_options options);
  bool preserves = false;
  bool resumes = false;
  bool syncs = false;
  skip_rule skip = skip_rule::none;
  std::uint64_t bytes_a_second_in_all = 0;
  std::uint64_t bytes_a_second_each = 0;
  duration idle_timeout{0};

  const copy_counts& counts() const noexcept { return *counts_; }

  void prepare(const command& what) override;
  void begin(loop& on) override;
  std::size_t ring_of(const host& where, std::size_t rings) const noexcept override {
    return way_->ring_of(where, rings);
  }
  std::size_t descriptors() const noexcept override { return way_->descriptors() + 1; }
  std::size_t spare_descriptors(loop& on) const noexcept override {
    return way_->spare_descriptors(on);
  }
  login_place login_to(const host& where) const override { return way_->login_to(where); }
  command_place place() const noexcept override { return way_->place(); }
  void end(std::size_t ring) noexcept override { way_->end(ring); }

 protected:
  /// A script_command() on the host, with that mark.
  intrusive_ptr<lifecycle> run_script(loop& on, std::size_t ring, attempt what,
                                      const std::string& mark);
  /// Writes what the settings are into a script_command().
  virtual void tell_settings(command& script) const { (void)script; }
  /// What every share has. Pre: begin() was called.
  void fill(copy_share& share) const;
  const std::shared_ptr<copy_counts>& shared_counts() const noexcept { return counts_; }
  /// Where relative paths begin.
  const std::string& directory() const noexcept { return directory_; }
  std::size_t rings() const noexcept { return rings_; }
  /// Whether the script reads what it is sent.
  bool sends_input = false;

 private:
  std::shared_ptr<command_factory> way_;
  std::shared_ptr<copy_counts> counts_ = std::make_shared<copy_counts>();
  std::string directory_;
  taken_stdio stdio_;
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

/// The factory of a put or a get that can still be configured, and the action.
copy_factory& configurable_copy(action& a);

}  // namespace execo::detail
