#include "ssh/host_directory.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

#include "execo/ssh_config.hpp"
#include "ssh/host_settings.hpp"
#include "ssh/match_commands.hpp"
#include "ssh/session_pool.hpp"

namespace execo::detail {
namespace {

int port_of(const std::string& text) {
  int port = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

config_answer::fixed_destination destination_of(const host& where, const ssh_options& options) {
  config_answer::fixed_destination named;
  named.host = where.name();
  named.user = where.user().empty() ? options.user : where.user();
  named.port = where.port() == 0 ? options.port : where.port();
  return named;
}

ssh_target target_of(const config_answer& answer) {
  ssh_target found;
  found.name = answer.host();
  found.port = port_of(answer.tokens().port);
  found.user = answer.tokens().user;
  return found;
}

// The commands of Match exec may take any time, and the loop does not wait for them.
bool known_answer(const match_commands& commands, const std::string& command) {
  std::optional<bool> known = commands.find(command);
  if (!known) throw command_wanted(command);
  return *known;
}

}  // namespace

config_source config_files::find(const ssh_options& options, const ssh_caller& by) {
  std::string file = options.config_file;
  if (!file.empty() && file != "none") file = by.path_of(file);
  auto is_wanted = [&](const entry& e) {
    return e.home == by.home() && e.file == file && e.options == options.config_lines;
  };
  auto known = std::ranges::find_if(read_, is_wanted);
  if (known != read_.end()) return known->source;
  entry made;
  made.home = by.home();
  made.file = file;
  made.options = options.config_lines;
  try {
    made.source.lines = std::make_shared<const config_lines>(
        config_lines::read_from(by.home(), options.config_lines, file));
  } catch (const ssh_config_error& error) {
    throw std::invalid_argument(error.what());
  }
  // What runs them holds the directory of the caller open, as long as the context.
  if (made.source.lines->has_commands())
    made.source.commands = std::make_shared<match_commands>(*loop_, by);
  read_.push_back(std::move(made));
  return read_.back().source;
}

login_lookup::login_lookup(ssh_options options, const ssh_caller& by, config_source config)
    : options_(std::move(options)), config_(std::move(config)), caller_(config_caller::of(by)) {}

ssh_target login_lookup::find(const host& where) const {
  config_commands commands([this](const std::string& command) {
    return config_.commands && known_answer(*config_.commands, command);
  });
  return target_of(
      config_answer(*config_.lines, caller_, commands, destination_of(where, options_)));
}

host_directory::host_directory(loop& on, ssh_options options, const ssh_caller& by,
                               config_source config, std::string shown_keys,
                               std::shared_ptr<route_source> ways)
    : loop_(on),
      options_(std::move(options)),
      by_(by),
      config_(std::move(config)),
      caller_(config_caller::of(by_)),
      shown_keys_(std::move(shown_keys)),
      ways_(std::move(ways)),
      asks_commands_(config_.commands && config_.lines->has_commands()),
      blocks_(*config_.lines) {}

host_directory::shared_answer::shared_answer(const config_answer& answer, const common& of_several)
    : of_several_(&of_several), user_(answer.tokens().user), port_(port_of(answer.tokens().port)) {
  if (answer.is_renamed()) name_ = answer.host();
  family_ = answer.values(config_keywords[config_place("addressfamily")]).front();
}

ssh_target host_directory::shared_answer::target_of(
    const config_answer::fixed_destination& named) const {
  ssh_target found;
  found.shared = of_several_->shared;
  found.establish = of_several_->establish;
  found.name = name_.empty() ? settled_host(named.host, family_) : name_;
  found.port = named.port == 0 ? port_ : named.port;
  found.user = named.user.empty() ? user_ : named.user;
  return found;
}

// Empty: it is one of its own.
std::string host_directory::kind_of(const config_answer::fixed_destination& named) const {
  if (!blocks_.are_by_name()) return {};
  std::string kind = blocks_.holding_for(named.host);
  kind += named.user.empty() ? '-' : 'u';
  kind += named.port == 0 ? '-' : 'p';
  return kind;
}

ssh_target host_directory::find(const host& where) {
  const config_answer::fixed_destination named = destination_of(where, options_);
  const std::string kind = kind_of(named);
  auto known = answers_.find(kind);
  return known == answers_.end() ? find_alone(named, kind) : known->second.target_of(named);
}

ssh_target host_directory::find_alone(const config_answer::fixed_destination& named,
                                      const std::string& kind) {
  bool asked = false;
  config_commands commands([&](const std::string& command) { return holds(command, asked); });
  config_answer answer(*config_.lines, caller_, commands, named);
  ssh_target found = target_of(answer);
  const common& of_several = common_of(answer, asked);
  found.shared = of_several.shared;
  found.establish = of_several.establish;
  bool is_shared = !kind.empty() && !is_made_of_host(answer) && answers_.size() < max_answers;
  if (is_shared) answers_.emplace(kind, shared_answer(answer, of_several));
  return found;
}

// What is wrong with hops is the end of what leads through them.
ssh_target host_directory::find_ready(const host& where) {
  ssh_target found = find(where);
  if (!asks_commands_ || !found.shared->has_hops()) return found;
  try {
    (void)loop_of_hops(*found.shared, route_target{found.name, found.port, found.user});
  } catch (const std::invalid_argument&) {
  }
  return found;
}

bool host_directory::holds(const std::string& command, bool& left_to_ssh) const {
  if (!config_.commands) {
    left_to_ssh = true;
    return false;
  }
  return known_answer(*config_.commands, command);
}

const host_directory::common& host_directory::common_of(const config_answer& answer,
                                                        bool asked_commands) {
  common& known = known_[settings_key(answer) + (asked_commands ? "!" : "")];
  if (known.shared) return known;
  host_settings made(options_, by_, answer);
  if (asked_commands) made.also.needs_ssh = "match exec";
  if (ways_) {
    made.also.ways = ways_;
    made.options.jump.clear();
    made.options.proxy_command.clear();
    made.options.unix_socket.clear();
  }
  if (!made.options.jump.empty()) {
    hop_source from;
    from.base = options_;
    from.config = config_;
    made.also.hops = hop_source_ref(std::move(from));
  }
  if (!shown_keys_.empty()) {
    made.also.host_key_algorithms = shown_keys_;
    made.options.host_key_policy = host_keys::ignore;
    // A server without such a key may close the connection as one does that is too busy.
    constexpr unsigned max_tries_more = 3;
    made.options.max_retries = made.options.max_retries.value_or(max_tries_more);
  }
  known.establish = made.options.limits.establish.value_or(deadlines::default_establish);
  known.shared = loop_.service<session_pool>().environment_for(made.options, by_, made.also);
  return known;
}

}  // namespace execo::detail
