#include "ssh/host_directory.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "execo/ssh_config.hpp"
#include "ssh/host_settings.hpp"
#include "ssh/session_pool.hpp"

namespace execo::detail {
namespace {

int port_of(const std::string& text) {
  int port = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

}  // namespace

std::shared_ptr<const config_lines> config_files::find(const ssh_options& options,
                                                       const ssh_caller& by) {
  std::string file = options.config_file;
  if (!file.empty() && file != "none") file = by.path_of(file);
  auto is_wanted = [&](const entry& e) {
    return e.home == by.home() && e.file == file && e.options == options.config_lines;
  };
  auto known = std::ranges::find_if(read_, is_wanted);
  if (known != read_.end()) return known->lines;
  entry made;
  made.home = by.home();
  made.file = file;
  made.options = options.config_lines;
  try {
    made.lines = std::make_shared<const config_lines>(
        config_lines::read_from(by.home(), options.config_lines, file));
  } catch (const ssh_config_error& error) {
    throw std::invalid_argument(error.what());
  }
  read_.push_back(std::move(made));
  return read_.back().lines;
}

host_directory::host_directory(loop& on, ssh_options options, const ssh_caller& by,
                               std::shared_ptr<const config_lines> lines)
    : loop_(on),
      options_(std::move(options)),
      by_(by),
      lines_(std::move(lines)),
      caller_(config_caller::of(by_)) {}

ssh_target host_directory::find(const host& where) {
  config_answer::fixed_destination named;
  named.host = where.name();
  named.user = where.user().empty() ? options_.user : where.user();
  named.port = where.port() == 0 ? options_.port : where.port();
  // The commands of Match exec may take any time: ssh waits for them, not the loop.
  bool asked = false;
  config_commands commands([&asked](const std::string&) {
    asked = true;
    return false;
  });
  config_answer answer(*lines_, caller_, commands, named);
  ssh_target found;
  const common& of_several = common_of(answer, asked);
  found.shared = of_several.shared;
  found.name = answer.host();
  found.port = port_of(answer.tokens().port);
  found.user = answer.tokens().user;
  found.establish = of_several.establish;
  return found;
}

const host_directory::common& host_directory::common_of(const config_answer& answer,
                                                        bool asked_commands) {
  common& known = known_[settings_key(answer) + (asked_commands ? "!" : "")];
  if (known.shared) return known;
  host_settings made(options_, by_, answer);
  if (asked_commands) made.also.needs_ssh = "match exec";
  if (!made.options.jump.empty()) {
    hop_source from;
    from.base = options_;
    from.lines = lines_;
    made.also.hops = hop_source_ref(std::move(from));
  }
  known.establish = made.options.limits.establish.value_or(deadlines::default_establish);
  known.shared = loop_.service<session_pool>().environment_for(made.options, by_, made.also);
  return known;
}

}  // namespace execo::detail
