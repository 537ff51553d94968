#include "execo/ssh_command.hpp"

#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "execo/printable.hpp"
#include "ssh/caller.hpp"
#include "ssh/command_template.hpp"
#include "ssh/openssh_words.hpp"

namespace execo {
namespace {

[[noreturn]] void refuse_command(const host& where, const std::string& why) {
  throw std::invalid_argument("ssh_command(" + printable(where.to_string()) + "): " + why);
}

std::string user_for(const host& where, const ssh_options& options, const detail::ssh_caller& by) {
  if (!where.user().empty()) return where.user();
  return options.user.empty() ? by.user() : options.user;
}

std::vector<std::string> connector_words(const host& where, const ssh_options& options,
                                         const detail::ssh_caller& by) {
  using detail::command_template;
  const command_template program(options.connector);
  if (program.how() == command_template::form::exec)
    refuse_command(where, "the connector exec: has no program; it runs the command itself");
  detail::token_values values;
  values.host = where.name();
  if (options.port != 0) values.port = options.port;
  if (where.port() != 0) values.port = where.port();
  values.user = user_for(where, options, by);
  std::string problem;
  std::optional<std::vector<std::string>> words = program.words(values, problem);
  if (!words) refuse_command(where, problem);
  if (program.how() == command_template::form::argv) words->insert(words->end(), {"sh", "-c"});
  return std::move(*words);
}

}  // namespace

std::vector<std::string> ssh_command(const host& named, const ssh_options& options) {
  const host where = options.host_rewrite(named);
  if (where.name().starts_with('-'))
    refuse_command(where, "a host name that begins with '-' would be an option");
  if (!options.become.empty())
    refuse_command(where, "become is for commands that execo runs; put sudo into the text");
  const detail::ssh_caller by = detail::ssh_caller::now();
  if (!options.connector.empty()) return connector_words(where, options, by);
  if (std::string_view lacks = detail::openssh_setup::why_not(options); !lacks.empty())
    refuse_command(where, std::string(lacks) + " is for libssh, not for the program ssh");
  return detail::openssh_setup(options, by, nullptr).words_to(where);
}

}  // namespace execo
