/// The tags and signatures by which a sender library knows execo's senders: stdexec's own where
/// <stdexec/execution.hpp> is found, else placeholders.
#pragma once

#include <concepts>
#include <exception>
#include <tuple>
#include <type_traits>
#include <variant>

#include "execo/awaitable.hpp"

#if __has_include(<stdexec/execution.hpp>)
#include <stdexec/execution.hpp>
#define EXECO_HAS_STDEXEC 1
#else
#define EXECO_HAS_STDEXEC 0
#endif

#if EXECO_HAS_STDEXEC
template <class Env>
requires requires(Env& e) { e.query(stdexec::get_stop_token); }
struct execo::foreign_env<Env> {
  static auto stop_token(Env& e) { return e.query(stdexec::get_stop_token); }
};

/// The environment of a receiver that cannot be stopped.
template <class Promise>
requires requires(Promise& p) {
  { stdexec::get_stop_token(p.get_env()) } -> std::same_as<stdexec::never_stop_token>;
}
inline constexpr bool execo::without_stop<Promise> = true;
#endif

namespace execo {
namespace detail {

/// Stands in for a library's own tags where there is none.
class sender_tag {};
class scheduler_tag {};
class operation_state_tag {};

#if EXECO_HAS_STDEXEC
using sender_concept_tag = stdexec::sender_t;
using scheduler_concept_tag = stdexec::scheduler_t;
using operation_state_concept_tag = stdexec::operation_state_t;
template <class T>
struct signatures_of {
  using type = stdexec::completion_signatures<stdexec::set_value_t(T), stdexec::set_stopped_t(),
                                              stdexec::set_error_t(std::exception_ptr)>;
};
template <>
struct signatures_of<std::monostate> {
  using type = stdexec::completion_signatures<stdexec::set_value_t(), stdexec::set_stopped_t(),
                                              stdexec::set_error_t(std::exception_ptr)>;
};
#else
using sender_concept_tag = sender_tag;
using scheduler_concept_tag = scheduler_tag;
using operation_state_concept_tag = operation_state_tag;
/// The types in an older manner, for libraries that ask with templates.
template <class T>
struct signatures_of {
  class type {};
};
#endif

/// One type for what a sender sends: void for nothing, the value, or several as a tuple.
template <class... T>
struct sent {
  using type = std::tuple<std::decay_t<T>...>;
};
template <>
struct sent<> {
  using type = void;
};
template <class T>
struct sent<T> {
  using type = std::decay_t<T>;
};
/// One that never sends a value, but ends in another way, gives nothing.
template <class... Alternative>
struct only_one {
  static_assert(sizeof...(Alternative) <= 1,
                "this sender sends one of several kinds of values: make them one with "
                "into_variant()");
  using type = void;
};
template <class One>
struct only_one<One> {
  using type = typename One::type;
};
#if EXECO_HAS_STDEXEC
template <class Sender, class Env>
struct sent_by : stdexec::value_types_of_t<Sender, Env, sent, only_one> {};
#else
template <class Sender, class Env>
struct sent_by : Sender::template value_types<only_one, sent> {};
#endif

template <class T, template <class...> class Tuple>
struct value_tuple {
  using type = Tuple<T>;
};
template <template <class...> class Tuple>
struct value_tuple<std::monostate, Tuple> {
  using type = Tuple<>;
};

}  // namespace detail
}  // namespace execo
