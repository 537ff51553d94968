#include "ssh/openssh_signal.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "process/command_guard.hpp"
#include "process/local_transport.hpp"

namespace execo::detail {
namespace {

// sockaddr_un has 108 bytes, and ssh binds a name that is 17 longer first.
constexpr std::size_t max_path = 88;
// The script says little; a login shell's start-up files may say more.
constexpr std::size_t max_said = 64 * 1024;

script_state end_named(std::string_view word) noexcept {
  using named_state = std::pair<std::string_view, script_state>;
  static constexpr std::array<named_state, 4> words{{{"sent", script_state::sent},
                                                     {"gone", script_state::gone},
                                                     {"not_permitted", script_state::not_permitted},
                                                     {"held", script_state::held}}};
  for (const auto& [known, state] : words)
    if (word == known) return state;
  return script_state::found_nothing;
}

// The furthest that the script says it has come.
script_state state_in(std::string_view said, script_state before) {
  constexpr std::string_view end = "execo-end 1 ";
  if (std::size_t at = said.rfind(end); at != said.npos) {
    std::string_view word = said.substr(at + end.size());
    if (std::size_t stop = word.find('\n'); stop != word.npos)
      return end_named(word.substr(0, stop));
  }
  if (said.find("execo-none") != said.npos) return script_state::found_nothing;
  if (said.find("execo-begin 1") != said.npos) return script_state::at_work;
  return said.find("execo-here") != said.npos ? script_state::started : before;
}

}  // namespace

control_sockets::~control_sockets() {
  std::error_code gone;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, gone);
}

std::string control_sockets::next() {
  if (!std::exchange(tried_, true)) {
    std::string pattern = "/tmp/execo-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) {
      directory_ = pattern;
      loop_.service<command_guard>().remove_at_kill(directory_);
    }
  }
  if (directory_.empty()) return {};
  std::string path = directory_ + "/" + std::to_string(++count_);
  return path.size() <= max_path ? path : std::string();
}

openssh_signal::openssh_signal(loop& on, std::shared_ptr<const surroundings> around,
                               std::vector<std::string> words, delegate<> changed)
    : what_(words), child_(make_local_transport(on, std::move(around))), changed_(changed) {
  child_->open(what_, *this);
}

openssh_signal::~openssh_signal() = default;

void openssh_signal::leave() {
  if (!std::exchange(leaving_, true)) child_->close();
}

void openssh_signal::on_output(stream which, std::span<const char> bytes) {
  if (which == stream::err || said_.size() > max_said) return;
  said_.append(bytes.data(), bytes.size());
  script_state now = state_in(said_, state_);
  if (now == state_) return;
  state_ = now;
  changed_();
}

void openssh_signal::on_eof(stream which) {
  if (which == stream::err) return;
  said_all_ = true;
  judge();
}

void openssh_signal::on_exit(exit_status status) {
  ended_ = status;
  judge();
}

// Its last words may be read after its end. Without a word of the script the server has opened no
// channel, or run something else in its place.
void openssh_signal::judge() {
  if (!ended_ || !said_all_) return;
  constexpr int ssh_failed = 255;
  if (!is_over()) {
    bool refused = ended_->code().value_or(ssh_failed) == ssh_failed;
    state_ = state_ >= script_state::started ? script_state::broken
             : refused                       ? script_state::refused
                                             : script_state::something_else;
  }
  leave();
}

void openssh_signal::on_failed(failure) {
  state_ = script_state::broken;
  leave();
}

void openssh_signal::on_closed(end_report) {
  closed_ = true;
  changed_();
}

}  // namespace execo::detail
