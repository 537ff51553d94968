#include "tree/tree_wave.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>

namespace execo::detail {
namespace {

// An agent waits so long for its children to answer in one frame.
std::uint32_t hold_of(clock::duration within) noexcept {
  constexpr std::int64_t part = 4, most = 1'000;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(within).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms / part, 1, most));
}

}  // namespace

tree_wave::tree_wave(loop& on, ref_counted& owner, const tree_hosts& hosts, const tree_links& links)
    : loop_(on),
      hosts_(hosts),
      links_(links),
      over_step_(on, owner, delegate<>::to<&tree_wave::tell>(this)),
      limit_(delegate<>::to<&tree_wave::end>(this), "a wave over a tree") {}

// A link that has no room is one that does not answer.
void tree_wave::begin(clock::duration within, delegate<> over) {
  assert(is_idle());
  const auto count = static_cast<std::uint32_t>(hosts_.size());
  marks_.assign(count, mark::not_asked);
  awaited_ = answered_ = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (hosts_[i].at != tree_stage::up) continue;
    marks_[i] = mark::asked;
    ++awaited_;
  }
  over_ = over;
  begun_ = loop_.now();
  state_ = state::under_way;
  wave_message ask;
  ask.number = ++number_;
  ask.hold_ms = hold_of(within);
  links_.send_to_all(ask);
  if (awaited_ == 0) return end();
  loop_.arm_after(limit_, within);
}

void tree_wave::stop() noexcept {
  loop_.disarm(limit_);
  state_ = state::idle;
}

// What comes late, or of who came up meanwhile, counts nothing.
bool tree_wave::take(std::uint32_t link, const frame& f) {
  auto message = answers_message::decode(f);
  if (!message || message->number > number_) return false;
  if (!hosts_.are_behind(link, message->hosts) || !hosts_.are_all(tree_stage::up, message->hosts))
    return false;
  if (message->number != number_ || state_ != state::under_way) return true;
  bool is_right = true;
  message->hosts.for_each([&](std::uint32_t host) {
    if (host >= marks_.size()) return;
    is_right = is_right && marks_[host] != mark::answered;
    if (marks_[host] != mark::asked) return;
    marks_[host] = mark::answered;
    ++answered_;
    --awaited_;
  });
  if (awaited_ == 0) end();
  return is_right;
}

void tree_wave::lose(std::uint32_t host) noexcept {
  if (state_ != state::under_way || host >= marks_.size() || marks_[host] != mark::asked) return;
  marks_[host] = mark::lost;
  if (--awaited_ == 0) end();
}

void tree_wave::end() noexcept {
  took_ = loop_.now() - begun_;
  loop_.disarm(limit_);
  state_ = state::over;
  over_step_.queue();
}

void tree_wave::tell() {
  if (state_ != state::over) return;
  state_ = state::idle;
  over_();
}

void tree_wave::describe(std::vector<std::string>& lines) const {
  if (state_ == state::idle) return;
  lines.push_back(
      fmt::format("wave over a tree: {} have answered, {} have not", answered_, awaited_));
}

std::vector<std::uint32_t> tree_wave::silent() const {
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < marks_.size(); ++i)
    if (marks_[i] == mark::asked || marks_[i] == mark::lost) found.push_back(i);
  return found;
}

}  // namespace execo::detail
