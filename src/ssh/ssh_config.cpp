#include "ssh/ssh_config.hpp"

#include <string>
#include <utility>

#include "ssh/caller.hpp"

namespace execo {
namespace detail {
ssh_config_state::ssh_config_state(ssh_config::source from)
    : caller_(config_caller::of(ssh_caller::now())),
      lines_(config_lines::read_from(caller_.home, from.options, from.file)),
      commands_(std::move(from.check)) {}

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
