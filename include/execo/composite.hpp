/// parallel and sequential: actions made of actions.
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "execo/action.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/text_of.hpp"
#include "execo/detail/words.hpp"
#include "execo/host_result.hpp"

namespace execo {

namespace detail {

template <class A>
concept action_given = std::derived_from<A, action>;

action_ref make_parallel(std::vector<action> members);
action_ref make_sequential(std::vector<action> members);
void set_composite_name(action& a, std::string_view name);
void set_stop_on_failure(action& a);
std::size_t schedule_member(action& all, action what);

template <action_given... A>
std::vector<action> list_of_actions(A&... each) {
  std::vector<action> list;
  list.reserve(sizeof...(A));
  (list.push_back(std::move(each)), ...);
  return list;
}
template <action_given A>
std::vector<action> list_of_actions(std::vector<A>& all) {
  std::vector<action> list;
  list.reserve(all.size());
  for (A& each : all) list.push_back(std::move(each));
  return list;
}

}  // namespace detail

/// An action whose members are actions of any kind, themselves composites too. Its hosts are those
/// of its members, one after the other, and so are their positions in its results.
///
/// Every verb of an action is for all members. A stop or a kill reaches those that run and begins
/// none: the hosts of the others are `not_started`. What a handler of a member throws stops the
/// whole. Members run where the composite runs: on() is for it, not for them. They have no handle
/// of their own any more.
class composite : public action {
 public:
  /// How many members it has.
  std::size_t members() const;
  /// Which member a result that next() gave is of.
  /// Throws: std::out_of_range for one of another action.
  std::size_t member_of(const host_result& r) const;
  /// The same for nested composites, from the outermost one inwards.
  std::vector<std::size_t> path_of(const host_result& r) const;

 protected:
  explicit composite(detail::action_ref state) noexcept : action(std::move(state)) {}
};

/// Runs its members at the same time. Each has its own fanout; fanout() of the whole sets them all.
/// More of them may come while it runs: schedule().
class [[nodiscard]] parallel : public composite, public detail::action_options<parallel> {
 public:
  parallel(const parallel&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  parallel(parallel&&) noexcept = default;
  parallel& operator=(parallel&&) noexcept = default;

  /// Throws: std::logic_error for an action that was started, or moved from.
  template <detail::action_given... A>
  explicit parallel(A... each)
      : composite(detail::make_parallel(detail::list_of_actions(each...))) {}
  template <detail::action_given A>
  explicit parallel(std::vector<A> all)
      : composite(detail::make_parallel(detail::list_of_actions(all))) {}

  /// Adds a member behind the others, of its own kind and with its own handlers, and returns its
  /// position among them. Once this is started, the member begins at once: so a handler adds to the
  /// action that called it. The whole ends when the last member has.
  ///
  /// After a stop or a kill the hosts of the member are `not_started`. The result that next() gives
  /// last comes when all has ended: who takes results schedules before that.
  /// Throws: std::logic_error for an action that was started or moved from, if this was moved from
  /// or has ended, and from another thread; once this is started, std::invalid_argument for options
  /// of the member that cannot be used.
  /// Thread: once it is started, the one that drives the action's loop, as for of() and state()
  /// then. Handlers are called there, and what context::post() is given.
  template <detail::action_given A>
  std::size_t schedule(A what) {
    return detail::schedule_member(*this, std::move(what));
  }

  /// What it is called in reports. Default: "parallel".
  parallel& name(detail::text_view shown) & {
    detail::set_composite_name(*this, std::string_view(shown));
    return *this;
  }
  parallel&& name(detail::text_view shown) && { return std::move(name(shown)); }
};

/// Runs its members one after the other, each when the one before has ended, whether or not that
/// was ok(). A stop or a kill ends the one that runs, and the sequence.
class [[nodiscard]] sequential : public composite, public detail::action_options<sequential> {
 public:
  sequential(const sequential&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  sequential(sequential&&) noexcept = default;
  sequential& operator=(sequential&&) noexcept = default;

  /// Throws: std::logic_error for an action that was started, or moved from.
  template <detail::action_given... A>
  explicit sequential(A... each)
      : composite(detail::make_sequential(detail::list_of_actions(each...))) {}
  template <detail::action_given A>
  explicit sequential(std::vector<A> all)
      : composite(detail::make_sequential(detail::list_of_actions(all))) {}

  /// What it is called in reports. Default: "sequential".
  sequential& name(detail::text_view shown) & {
    detail::set_composite_name(*this, std::string_view(shown));
    return *this;
  }
  sequential&& name(detail::text_view shown) && { return std::move(name(shown)); }

  /// After a member that is not ok(), the hosts of those that follow are `not_started`.
  sequential& stop_on_failure() & {
    detail::set_stop_on_failure(*this);
    return *this;
  }
  sequential&& stop_on_failure() && { return std::move(stop_on_failure()); }
};

}  // namespace execo
