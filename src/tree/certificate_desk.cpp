#include "tree/certificate_desk.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "execo/log.hpp"

namespace execo::detail {
namespace {

// Of ten minutes: who is refused once is asked again before those are over.
constexpr auto renewal_interval = std::chrono::minutes(4);

}  // namespace

certificate_desk::certificate_desk(loop& on, ref_counted& counted, certificate_desk_owner& owner,
                                   tree_way& way)
    : loop_(on),
      counted_(counted),
      owner_(owner),
      way_(way),
      renewal_(delegate<>::to<&certificate_desk::renew>(this), "new certificates of a tree") {}

void certificate_desk::give(std::uint32_t link, work_message what) {
  grant& its = grants_[link];
  if (its.number == 0) its.number = ++last_number_;
  for (const work_item& one : what.items) its.users.insert(one.user);
  if (its.users == its.certified && its.waiting.empty())
    return owner_.send_errand(link, std::move(what));
  its.waiting.emplace_back(std::move(what));
  if (its.state == grant_state::held) ask(link, its);
}

void certificate_desk::take_back(std::uint32_t link, revoke_message what) {
  auto found = grants_.find(link);
  if (found == grants_.end() || found->second.waiting.empty())
    return owner_.send_errand(link, std::move(what));
  found->second.waiting.emplace_back(std::move(what));
}

// The child may have gone when the answer comes, and another one may have its link.
void certificate_desk::ask(std::uint32_t link, grant& its) {
  its.state = grant_state::asked;
  certificate_wish wish;
  wish.name = owner_.name_of_link(link);
  wish.users.assign(its.users.begin(), its.users.end());
  intrusive_ptr<ref_counted> alive(&counted_);
  way_.certify(std::move(wish),
               [this, alive, link, number = its.number, users = its.users](
                   std::optional<certificate_message> made, const std::string& why) {
                 grant* asked = find(link, number);
                 if (asked == nullptr) return;
                 asked->state = grant_state::held;
                 if (!renewal_.armed()) loop_.arm_after(renewal_, renewal_interval);
                 made ? granted(link, *asked, *made, users) : refused(link, *asked, why);
               });
}

certificate_desk::grant* certificate_desk::find(std::uint32_t link, std::uint64_t number) noexcept {
  auto found = grants_.find(link);
  return found != grants_.end() && found->second.number == number ? &found->second : nullptr;
}

void certificate_desk::granted(std::uint32_t link, grant& its, const certificate_message& made,
                               const std::set<std::string>& users) {
  state_ = certificate_state::granting;
  its.certified = users;
  owner_.send_errand(link, made);
  if (its.users != its.certified) return ask(link, its);
  for (tree_links::errand& one : std::exchange(its.waiting, {}))
    owner_.send_errand(link, std::move(one));
}

// What it has is good for some minutes more.
void certificate_desk::refused(std::uint32_t link, grant& its, const std::string& why) {
  if (state_ != certificate_state::refused)
    log(log_level::warning, [&] { return "no certificates for the hosts of a tree: " + why; });
  state_ = certificate_state::refused;
  its.users = its.certified;
  index_ranges hosts;
  for (tree_links::errand& one : std::exchange(its.waiting, {})) {
    if (const auto* work = std::get_if<work_message>(&one))
      for (const work_item& each : work->items) hosts.insert(each.index);
    else
      owner_.send_errand(link, std::move(one));
  }
  if (!hosts.empty()) owner_.hosts_uncertified(link, hosts, why);
}

void certificate_desk::renew() {
  state_ = certificate_state::granting;
  for (auto& [link, its] : grants_)
    if (its.state == grant_state::held && !its.users.empty()) ask(link, its);
  if (!grants_.empty()) loop_.arm_after(renewal_, renewal_interval);
}

void certificate_desk::rest() noexcept {
  loop_.disarm(renewal_);
  grants_.clear();
  state_ = certificate_state::granting;
}

}  // namespace execo::detail
