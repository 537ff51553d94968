#include "tree/talk_group.hpp"

#include <algorithm>
#include <cassert>

#include "base/contain.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_different_texts = 4'096;

bool has_room(std::size_t on_its_way) noexcept { return on_its_way < talk_window; }

std::string words_of_operation(reduce_operation what) {
  switch (what) {
    case reduce_operation::barrier:
      return "barrier";
    case reduce_operation::sum:
      return "sum";
    case reduce_operation::minimum:
      return "min";
    case reduce_operation::maximum:
      return "max";
    case reduce_operation::histogram:
      return "histogram";
    case reduce_operation::fold:
      return "fold";
  }
  return {};
}

/// A line of each, as many as fit.
std::string lines_of(const std::map<std::string, std::uint64_t, std::less<>>& counts) {
  std::string lines;
  for (const auto& [text, count] : counts) {
    std::string line = std::to_string(count) + " " + text + "\n";
    if (lines.size() + line.size() > talk_limit) break;
    lines += line;
  }
  return lines;
}

}  // namespace

// -- who is there ---------------------------------------------------------------------------------

void talk_group::join(std::uint32_t rank, std::uint32_t host, talk_link link) {
  member& its = members_[rank];
  if (is_closed_ || its.at == presence::here) return;
  if (its.at == presence::gone) --gone_;
  ++here_;
  its.at = presence::here;
  its.host = host;
  its.link = link;
  its.on_its_way = 0;
  ranks_of_hosts_.insert_or_assign(host, rank);
  go_on(rank);
}

void talk_group::leave(std::uint32_t rank) {
  member& its = members_[rank];
  if (is_closed_ || its.at == presence::gone) return;
  if (its.at == presence::here) --here_;
  ++gone_;
  its.at = presence::gone;
  if (its.sends != nullptr) its.sends->is_orphan = true;
  its.sends = nullptr;
  if (std::exchange(its.contributed, false)) contributors_.erase(rank);
  go_on(rank);
  look_for_end();
}

void talk_group::lose(talk_link link) {
  for (std::uint32_t rank = 1; rank < members_.size(); ++rank)
    if (members_[rank].at == presence::here && members_[rank].link == link) leave(rank);
}

void talk_group::close() noexcept {
  if (std::exchange(is_closed_, true)) return;
  way_ = nullptr;
  for (member& its : members_)
    for (sending_ref& one : std::exchange(its.waiting, {}))
      if (one->waiter != nullptr) one->waiter->talk_done(0);
  while (receivers_.linked()) {
    auto& waiter = static_cast<talk_waiter&>(*receivers_.next());
    waiter.unlink();
    waiter.talk_done(0);
  }
  // A function may hold whoever holds this.
  on_reduced_ = nullptr;
  fold_ = nullptr;
}

bool talk_group::find(talk_link link, std::uint32_t host, member*& found) {
  auto known = ranks_of_hosts_.find(host);
  found = nullptr;
  if (known == ranks_of_hosts_.end()) return false;
  member& its = members_[known->second];
  if (its.at == presence::here && its.link == link) found = &its;
  return true;
}

// -- messages -------------------------------------------------------------------------------------

bool talk_group::take(talk_link link, const say_message& what) {
  member* from = nullptr;
  if (is_closed_) return true;
  if (!find(link, what.hosts.front(), from)) return false;
  if (from == nullptr) return true;
  if (from->sends != nullptr) return false;
  if (!what.to_all && what.to_ranks.ranges().back().last > ranks()) return false;
  auto made = std::make_unique<sending>();
  made->from = static_cast<std::uint32_t>(from - members_.data());
  made->to = what.to_all ? index_ranges(1, ranks()) : what.to_ranks;
  if (what.to_all) made->to.erase(made->from);
  made->bytes = what.bytes;
  from->sends = made.get();
  place(std::move(made));
  return true;
}

void talk_group::send(index_ranges to, std::string bytes, talk_waiter& waiter) {
  if (is_closed_) return waiter.talk_done(0);
  auto made = std::make_unique<sending>();
  made->to = std::move(to);
  made->bytes = std::move(bytes);
  made->waiter = &waiter;
  place(std::move(made));
}

// From one receiver to the next, until one has no room.
void talk_group::place(sending_ref what) {
  while (!what->to.empty()) {
    const std::uint32_t rank = what->to.front();
    member& its = members_[rank];
    if (its.at == presence::coming || (its.at == presence::here && !has_room(its.on_its_way))) {
      its.waiting.push_back(std::move(what));
      return;
    }
    (void)what->to.take_front(1);
    if (its.at == presence::gone) continue;
    its.on_its_way += talk_charge(what->bytes.size());
    what->placed.append(rank, rank);
  }
  pass_on(*what);
}

void talk_group::pass_on(const sending& what) {
  std::map<talk_link, std::vector<std::uint32_t>> hosts;
  std::uint32_t receivers = 0;
  what.placed.for_each([&](std::uint32_t rank) {
    const member& to = members_[rank];
    if (to.at != presence::here) return;
    ++receivers;
    if (rank == root_rank) return give_to_root(what);
    hosts[to.link].push_back(to.host);
  });
  for (auto& [link, those] : hosts) {
    std::ranges::sort(those);
    index_ranges set;
    for (std::uint32_t host : those) set.append(host, host);
    for (index_ranges& piece : set.pieces(set_limit)) {
      deliver_message message;
      message.run = number_;
      message.hosts = std::move(piece);
      message.from = what.from;
      message.bytes = what.bytes;
      way_->tell(link, std::move(message));
    }
  }
  if (what.waiter != nullptr) return what.waiter->talk_done(receivers);
  if (what.is_orphan || what.from == root_rank) return;
  member& from = members_[what.from];
  from.sends = nullptr;
  accepted_message reply;
  reply.run = number_;
  reply.hosts = index_ranges(from.host);
  reply.receivers = receivers;
  way_->tell(from.link, std::move(reply));
}

// Those that wait for room there, as long as there is some. Who has come or gone lets all on.
void talk_group::go_on(std::uint32_t rank) {
  member& its = members_[rank];
  while (!its.waiting.empty() && (its.at == presence::gone || has_room(its.on_its_way))) {
    sending_ref first = std::move(its.waiting.front());
    its.waiting.pop_front();
    place(std::move(first));
  }
}

bool talk_group::take(talk_link link, const consumed_message& what) {
  member* by = nullptr;
  if (is_closed_) return true;
  if (!find(link, what.hosts.front(), by)) return false;
  if (by == nullptr) return true;
  if (what.bytes > by->on_its_way) return false;
  by->on_its_way -= what.bytes;
  go_on(static_cast<std::uint32_t>(by - members_.data()));
  return true;
}

// -- messages for the root ------------------------------------------------------------------------

void talk_group::give_to_root(const sending& what) {
  inbox_.emplace_back(what.from, what.bytes);
  if (!receivers_.linked()) return;
  auto& waiter = static_cast<talk_waiter&>(*receivers_.next());
  waiter.unlink();
  waiter.talk_done(1);
}

void talk_group::await_message(talk_waiter& waiter) {
  if (!inbox_.empty() || is_closed_) return waiter.talk_done(0);
  waiter.link_before(receivers_);
}

std::optional<talk_group::text_of_rank> talk_group::receive() {
  if (inbox_.empty()) return std::nullopt;
  text_of_rank first = std::move(inbox_.front());
  inbox_.pop_front();
  if (is_closed_) return first;
  members_[root_rank].on_its_way -= talk_charge(first.second.size());
  go_on(root_rank);
  return first;
}

void talk_group::forget(talk_waiter& waiter) noexcept {
  waiter.unlink();
  for (member& its : members_)
    for (sending_ref& one : its.waiting)
      if (one->waiter == &waiter) one->waiter = nullptr;
}

// -- barriers and reductions ----------------------------------------------------------------------

bool talk_group::take(talk_link link, const contribute_message& what) {
  if (is_closed_) return true;
  bool is_right = true;
  bool is_first = true;  // of these: the value is of all of them together
  what.hosts.for_each([&](std::uint32_t host) {
    member* from = nullptr;
    is_right = is_right && find(link, host, from) && (from == nullptr || !from->contributed);
    if (!is_right || from == nullptr) return;
    if (contributed_ > 0 && value_.operation != what.value.operation)
      return refuse(*from, what.value, "the others are at another one: ");
    if (contributed_ == 0) {
      value_ = what.value;
    } else if (is_first) {
      value_.join(what.value);
    }
    is_first = false;
    ++contributed_;
    from->contributed = true;
    const auto rank = static_cast<std::uint32_t>(from - members_.data());
    contributors_.insert(rank);
    if (what.value.operation == reduce_operation::fold) texts_.emplace_back(rank, what.text);
    if (what.value.operation == reduce_operation::histogram &&
        (counts_.size() < max_different_texts || counts_.contains(what.text)))
      ++counts_[std::string(what.text)];
  });
  if (is_right) look_for_end();
  return is_right;
}

void talk_group::refuse(const member& whom, const reduce_value& value, std::string_view why) {
  const std::string text = std::string(why) + words_of_operation(value_.operation);
  gathered_message reply;
  reply.run = number_;
  reply.hosts = index_ranges(whom.host);
  reply.value.operation = value.operation;
  reply.text = text;
  way_->tell(whom.link, std::move(reply));
}

// Those that have gone since count with what they gave.
void talk_group::look_for_end() {
  const bool all_have_come = here_ + gone_ == ranks();
  if (contributed_ > 0 && all_have_come && contributors_.count() == here_) end_reduction();
}

void talk_group::end_reduction() {
  talk_result found;
  found.value = value_;
  found.took = std::exchange(contributed_, 0);
  std::string problem;
  make_text(found, problem);
  const index_ranges ranks = std::exchange(contributors_, index_ranges());
  ranks.for_each([&](std::uint32_t rank) { members_[rank].contributed = false; });
  gathered_message message;
  message.run = number_;
  message.value = found.value;
  message.took = problem.empty() ? found.took : 0;
  message.text = problem.empty() ? found.text : problem;
  send_to_all(message, ranks);
  if (on_reduced_ && problem.empty()) on_reduced_(found);
}

void talk_group::make_text(talk_result& found, std::string& problem) {
  found.counts = std::exchange(counts_, {});
  std::vector<text_of_rank> texts = std::exchange(texts_, {});
  if (found.value.operation == reduce_operation::histogram) {
    if (found.counts.size() >= max_different_texts) problem = "there are too many different texts";
    found.text = lines_of(found.counts);
  }
  if (found.value.operation != reduce_operation::fold) return;
  if (!fold_) problem = "who runs the action has no function to fold with";
  if (!fold_) return;
  std::ranges::sort(texts);
  contain([&] { found.text = fold_(std::move(texts)); },
          [&](const std::exception_ptr&) { problem = "the function to fold with has thrown"; });
  if (found.text.size() > talk_limit) problem = "what the texts were folded to is too long";
}

template <class Message>
void talk_group::send_to_all(Message what, const index_ranges& ranks) {
  std::map<talk_link, std::vector<std::uint32_t>> hosts;
  ranks.for_each([&](std::uint32_t rank) {
    if (members_[rank].at == presence::here)
      hosts[members_[rank].link].push_back(members_[rank].host);
  });
  for (auto& [link, those] : hosts) {
    std::ranges::sort(those);
    index_ranges set;
    for (std::uint32_t host : those) set.append(host, host);
    for (index_ranges& piece : set.pieces(set_limit)) {
      what.hosts = std::move(piece);
      way_->tell(link, what);
    }
  }
}

}  // namespace execo::detail
