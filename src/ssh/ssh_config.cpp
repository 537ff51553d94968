#include "ssh/ssh_config.hpp"

#include <limits.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "ssh/caller.hpp"
#include "ssh/name_patterns.hpp"

namespace execo {
namespace detail {
namespace {

std::string machine_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

config_caller caller_now() {
  ssh_caller by = ssh_caller::now();
  config_caller made;
  made.user = by.user();
  made.id = std::to_string(::getuid());
  made.home = by.home();
  made.machine = machine_name();
  return made;
}

}  // namespace

ssh_config_state::ssh_config_state(ssh_config::source from)
    : caller_(caller_now()), lines_(caller_.home), commands_(std::move(from.check)) {
  using owner = config_lines::owner;
  for (const std::string& option : from.options) lines_.add_option(option);
  if (from.file.empty()) {
    lines_.add_usual_file(caller_.home + "/.ssh/config", owner::user);
    lines_.add_usual_file("/etc/ssh/ssh_config", owner::system);
  } else if (lower_case(from.file) != "none") {
    lines_.add_given_file(from.file);
  }
}

}  // namespace detail

ssh_config::ssh_config(source from)
    : state_(std::make_unique<detail::ssh_config_state>(std::move(from))) {}
ssh_config::~ssh_config() = default;
ssh_config::ssh_config(ssh_config&& other) noexcept = default;
ssh_config& ssh_config::operator=(ssh_config&& other) noexcept = default;

std::vector<ssh_setting> ssh_config::settings_of(std::string_view destination) {
  detail::config_answer answer = state_->answer(destination);
  std::vector<ssh_setting> settings;
  settings.reserve(detail::config_keywords.size());
  settings.push_back({"host", answer.given_host()});
  for (const detail::config_keyword& keyword : detail::config_keywords) {
    for (std::string& value : answer.shown(keyword))
      settings.push_back({std::string(keyword.name), std::move(value)});
  }
  return settings;
}

}  // namespace execo
