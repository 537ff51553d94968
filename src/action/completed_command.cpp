#include "action/completed_command.hpp"

#include <stdexcept>
#include <string>

#include "execo/printable.hpp"
#include "io/stdio_spec.hpp"

namespace execo::detail {
namespace {

// Descriptors and directories are those of the moment when the action starts.
std::string_view of_actions_alone(const command& given) {
  if (stdio_access::of(given.out) != nullptr || stdio_access::of(given.err) != nullptr)
    return "a sink";
  if (stdio_access::of(given.in) != nullptr) return "a source";
  if (!given.attributes.descriptors.empty()) return "a passed descriptor";
  return given.handlers.empty() ? std::string_view() : "a handler";
}

void complete_attributes(const spawn_attributes& given, spawn_attributes& made) {
  static const spawn_attributes unset;
  auto take = [&](auto member) {
    if (given.*member != unset.*member) made.*member = given.*member;
  };
  take(&spawn_attributes::umask);
  take(&spawn_attributes::user);
  take(&spawn_attributes::group);
  take(&spawn_attributes::groups);
  take(&spawn_attributes::nice);
  take(&spawn_attributes::cgroup);
  take(&spawn_attributes::new_session);
  take(&spawn_attributes::process_group);
  take(&spawn_attributes::pty);
  take(&spawn_attributes::pty_rows);
  take(&spawn_attributes::pty_columns);
  made.limits.insert(made.limits.end(), given.limits.begin(), given.limits.end());
}

void complete_variables(const command& given, command& made) {
  if (given.attributes.clear_environment) made.clear_variables();
  for (const std::string& name : given.attributes.removed_variables) made.remove_variable(name);
  for (const auto& [name, value] : given.environment) made.set_variable(name, value);
}

}  // namespace

command completed_command(const command& given, command of_action, const host& where) {
  auto refuse = [&where](const std::string& why) {
    throw std::invalid_argument("the command for " + printable(where.to_string()) + why);
  };
  std::string_view refused = of_actions_alone(given);
  if (!refused.empty())
    refuse(" has " + std::string(refused) + " of its own: give that to the action");
  if (given.shell_text().empty()) refuse(" is empty");

  static const command unset("");
  command made = std::move(of_action);
  made.text = given.text;
  made.words.insert(made.words.begin(), given.words.begin(), given.words.end());
  complete_variables(given, made);
  complete_attributes(given.attributes, made.attributes);
  auto take = [&](auto member) {
    if (given.*member != unset.*member) made.*member = given.*member;
  };
  take(&command::through_shell);
  take(&command::directory);
  take(&command::run_timeout);
  take(&command::first_output_timeout);
  take(&command::idle_timeout);
  take(&command::total_timeout);
  take(&command::kill_timeout);
  take(&command::drain_timeout);
  take(&command::output_cap);
  take(&command::accepted_codes);
  take(&command::scope);
  take(&command::given_name);
  take(&command::requires_output);
  take(&command::ignores_exit_code);
  take(&command::ignores_timeout);
  take(&command::ignores_error);
  take(&command::hides_exit_code);
  take(&command::hides_timeout);
  take(&command::hides_error);
  if (!given.stop_steps.empty()) made.stop_steps = given.stop_steps;
  if (given.has_input) made.set_in(text(given.input));
  return made;
}

}  // namespace execo::detail
