// `execo ssh-config`: what ssh_config(5) says about hosts.

#include "execo/ssh_config.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "command_line/standard_streams.hpp"
#include "command_line/usage_error.hpp"
#include "commands.hpp"
#include "execo/printable.hpp"
#include "execo/run.hpp"
#include "ssh_config_options.hpp"

namespace execo::cli {

namespace {

constexpr const char* name = "execo ssh-config";

// As ssh runs it: by the user's shell, without input, and what it prints is not looked at.
bool ends_well(const std::string& command) {
  const char* shell = std::getenv("SHELL");
  if (shell == nullptr || *shell == '\0') shell = "/bin/sh";
  return execo::run(
             process({std::string(shell), std::string("-c"), command}).out(null()).err(inherit()))
      .ok();
}

std::string text_of(const std::vector<ssh_setting>& settings) {
  std::string text;
  for (const ssh_setting& one : settings)
    text += fmt::format("{} {}\n", one.name, printable(one.value));
  return text;
}

int show(ssh_config_options options) {
  options.source.check = ends_well;
  ssh_config config(std::move(options.source));
  std::string text;
  for (const std::string& host : options.hosts)
    text += (text.empty() ? "" : "\n") + text_of(config.settings_of(host));
  command_line::write_output(text);
  return 0;
}

}  // namespace

int ssh_config_main(int argc, char** argv) {
  try {
    ssh_config_options options(argc, argv);
    if (options.asked != question::none) {
      command_line::write_output(ssh_config_help());
      return command_line::finish_output(name, 0);
    }
    return command_line::finish_output(name, show(std::move(options)));
  } catch (const command_line::usage_error& error) {
    command_line::complain(name, error.what());
  } catch (const ssh_config_error& error) {
    command_line::complain(name, error.what());
  }
  return command_line::finish_output(name, 2);
}

}  // namespace execo::cli
