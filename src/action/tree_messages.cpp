#include "execo/tree_messages.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "action/action_access.hpp"
#include "action/fanout_action.hpp"
#include "action/tree_factory.hpp"
#include "tree/talk_group.hpp"
#include "wire/message_limits.hpp"

namespace execo {
namespace detail {

namespace {

talk_ref talk_for(remote& commands) {
  fanout_action& of = configurable(action_access::core(commands));
  auto* by = dynamic_cast<talking_factory*>(of.factory.get());
  if (by == nullptr)
    throw std::invalid_argument("messages: the action goes by no tree: call via() before");
  std::set<std::tuple<std::string, std::string, int>> seen;
  for (const host& one : of.hosts)
    if (!seen.emplace(one.user(), one.name(), one.port()).second)
      throw std::invalid_argument("messages: the host " + one.name() + " is twice in the action");
  if (!by->talk())
    by->set_talk(
        intrusive_ptr<talk_group>(new talk_group(static_cast<std::uint32_t>(of.hosts.size()))));
  return talk_ref(by->talk().get());
}

tree_reduction shown(const talk_result& found) {
  tree_reduction made;
  made.operation = static_cast<tree_reduce>(found.value.operation);
  made.took = found.took;
  made.is_integer = found.value.kind == reduce_kind::integer;
  made.number = found.value.real();
  made.integer = made.is_integer ? found.value.integer() : static_cast<std::int64_t>(made.number);
  for (const auto& [text, count] : found.counts) made.counts.emplace(text, count);
  made.text = found.text;
  return made;
}

}  // namespace

void retain(talk_group& talk) noexcept { talk.retain(); }
void release(talk_group& talk) noexcept { talk.release(); }

talk_op::talk_op(action_ref of, talk_ref talk) noexcept
    : talk_(std::move(talk)),
      action_(std::move(of)),
      step_(delegate<>::to<&talk_op::finish>(this)) {}

talk_op::talk_op(talk_op&& other) noexcept
    : operation(std::move(other)),
      talk_waiter(),
      talk_(std::move(other.talk_)),
      action_(std::move(other.action_)),
      step_(delegate<>::to<&talk_op::finish>(this)) {}

loop& talk_op::bind(loop* affinity) {
  loop& on = action_->home(affinity);
  if (!action_->over()) action_->bind_to(on);
  if (!talk_->place(on))
    throw std::logic_error("messages: the tree is on another loop than the action");
  return on;
}

void talk_op::on_start(bool stopped) noexcept {
  if (!stopped) return begin_contained();
  stage_ = stage::abandoned;
  complete();
}

void talk_op::begin_contained() noexcept {
  stage_ = stage::waiting;
  contain([&] { begin(*this); },
          [&](std::exception_ptr error) {
            error_ = std::move(error);
            talk_done(0);
          });
}

void talk_op::talk_done(std::uint32_t receivers) noexcept {
  stage_ = stage::done;
  receivers_ = receivers;
  work().defer(step_);
}

void talk_op::finish() {
  bool is_taken = true;
  if (!error_)
    contain([&] { is_taken = take(receivers_); },
            [&](std::exception_ptr error) { error_ = std::move(error); });
  if (!is_taken) return begin_contained();
  complete();
}

void talk_op::on_stop() noexcept {
  if (stage_ != stage::waiting) return stop_missed();
  talk_->forget(*this);
  stage_ = stage::abandoned;
  complete();
}

void talk_op::check() const {
  if (stage_ == stage::abandoned) throw operation_cancelled();
  if (error_) std::rethrow_exception(error_);
}

void talk_send_op::begin(talk_waiter& self) {
  index_ranges to;
  for (std::size_t rank : ranks_) to.insert(static_cast<std::uint32_t>(rank));
  talk_->send(std::move(to), std::move(bytes_), self);
}

void talk_receive_op::begin(talk_waiter& self) { talk_->await_message(self); }

// Another one that waits may have taken it.
bool talk_receive_op::take(std::uint32_t) {
  std::optional<talk_group::text_of_rank> found = talk_->receive();
  if (found) taken_.emplace(found->first, std::move(found->second));
  return found || talk_->is_closed();
}

}  // namespace detail

tree_messages::tree_messages(remote& commands)
    : action_(detail::action_access::reference(commands)), talk_(detail::talk_for(commands)) {}

tree_messages& tree_messages::on_reduced(std::function<void(const tree_reduction&)> call) & {
  talk_->set_on_reduced(
      [call = std::move(call)](const detail::talk_result& found) { call(detail::shown(found)); });
  return *this;
}

tree_messages& tree_messages::fold_with(
    std::function<std::string(const std::vector<tree_message>&)> fold) & {
  talk_->set_fold([fold = std::move(fold)](std::vector<detail::talk_group::text_of_rank> texts) {
    std::vector<tree_message> given;
    given.reserve(texts.size());
    for (auto& [rank, text] : texts) given.emplace_back(rank, std::move(text));
    return fold(given);
  });
  return *this;
}

detail::talk_send_op tree_messages::send(std::size_t rank, std::string bytes) const {
  return send(std::vector<std::size_t>{rank}, std::move(bytes));
}

detail::talk_send_op tree_messages::send(std::vector<std::size_t> ranks, std::string bytes) const {
  const std::size_t last = talk_->ranks();
  for (std::size_t rank : ranks)
    if (rank == 0 || rank > last)
      throw std::invalid_argument("messages: there is no command of rank " + std::to_string(rank) +
                                  ": ranks are 1 to " + std::to_string(last));
  if (bytes.size() > detail::talk_limit)
    throw std::invalid_argument("messages: a message has at most 32,768 bytes");
  return detail::talk_send_op(action_, talk_, std::move(ranks), std::move(bytes));
}

detail::talk_send_op tree_messages::broadcast(std::string bytes) const {
  std::vector<std::size_t> all(talk_->ranks());
  std::iota(all.begin(), all.end(), std::size_t{1});
  return send(std::move(all), std::move(bytes));
}

}  // namespace execo
