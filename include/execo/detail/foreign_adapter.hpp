// Between an operation and a coroutine of another library that has a stop token or a scheduler: a
// coroutine that listens to the token on behalf of the operation, and that the operation resumes
// in place of the other. Its frame is recycled: awaiting allocates only at first.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "execo/detail/cross_loop_stop.hpp"
#include "execo/detail/env.hpp"
#include "execo/detail/reschedule.hpp"

namespace execo {

/// Where execo finds the stop token and the scheduler of a coroutine of another library. `Env` is
/// what the promise's get_env() gives, else the promise itself. As it stands, members are used:
/// get_stop_token(), and get_scheduler() or get_executor(). Specialise it for a library that hides
/// them behind queries of its own:
///
///     template <class Env>
///     requires requires(Env& e) { lib::get_stop_token(e); }
///     struct execo::foreign_env<Env> {
///       static auto stop_token(Env& e) { return lib::get_stop_token(e); }
///     };
///
/// A stop token is a std::stop_token, or has stop_requested() and a `callback_type<F>` with the
/// guarantees of std::stop_callback. A scheduler has schedule(), which gives an awaitable or a
/// sender, or it has execute(f).
///
/// A promise that takes part in stopping (it has unhandled_stopped(), unhandled_done() or
/// get_env()) and whose token is found nowhere does not compile: a stop that is not heard would be
/// a silent fault. Where it has none, `execo::without_stop<Promise>` says so.
template <class Env>
struct foreign_env {
  using as_it_stands = void;

  static auto stop_token(Env& e) requires requires { e.get_stop_token(); }
  { return e.get_stop_token(); }

  static auto scheduler(Env& e) requires requires { e.get_scheduler(); }
  { return e.get_scheduler(); }
  static auto scheduler(Env& e) requires(
      !requires { e.get_scheduler(); } && requires { e.get_executor(); }) {
    return e.get_executor();
  }
};

template <class Promise>
inline constexpr bool without_stop = false;

/// How execo listens to a stop token. As it stands, for a std::stop_token and any token that has
/// stop_requested() and a `callback_type<F>`. Specialise it for a token of another shape, such as
/// cppcoro's:
///
///     template <>
///     struct execo::foreign_stop_token<cppcoro::cancellation_token> {
///       static bool requested(const cppcoro::cancellation_token& t) {
///         return t.is_cancellation_requested();
///       }
///       template <class F>
///       using callback = cppcoro::cancellation_registration;
///     };
///
/// `callback<F>` is made of a token and an F. It calls the F once, when a stop is requested, on the
/// requesting thread, or when it is made after a request. Its destructor waits for a call that is
/// in flight on another thread.
template <class Token>
struct foreign_stop_token {
  template <class T>
  static bool requested(const T& token) requires requires {
    token.stop_requested();
  }
  { return token.stop_requested(); }
  template <class F>
  using callback = typename Token::template callback_type<F>;
};
template <>
struct foreign_stop_token<std::stop_token> {
  static bool requested(const std::stop_token& token) noexcept { return token.stop_requested(); }
  template <class F>
  using callback = std::stop_callback<F>;
};

namespace detail {

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

template <class Promise>
decltype(auto) foreign_env_of(Promise& promise) {
  if constexpr (requires { promise.get_env(); }) {
    return promise.get_env();
  } else {
    return (promise);
  }
}

template <class T>
T& as_lvalue(T&& value) noexcept {
  return static_cast<T&>(value);
}

template <class Promise>
using foreign_env_t =
    foreign_env<std::remove_reference_t<decltype(foreign_env_of(std::declval<Promise&>()))>>;

template <class Promise>
concept has_token = requires(Promise& p) {
  foreign_env_t<Promise>::stop_token(as_lvalue(foreign_env_of(p)));
};

template <class Scheduler>
concept can_continue = requires(Scheduler& s) {
  s.execute([] {});
}
|| requires(Scheduler& s) { s.schedule(); };

template <class Promise>
concept has_scheduler = requires(Promise& p) {
  { foreign_env_t<Promise>::scheduler(as_lvalue(foreign_env_of(p))) } -> can_continue;
};

/// As Boost.Cobalt's have it: an Asio cancellation slot in place of a token. What is assigned to it
/// is called, and may be cleared, on the thread of the promise's executor alone.
template <class Promise>
concept has_slot = !has_token<Promise> && has_scheduler<Promise> && requires(Promise & p) {
  { p.get_cancellation_slot().is_connected() } -> std::convertible_to<bool>;
  p.get_cancellation_slot().clear();
};

/// A coroutine that is not resumed but ended when what it awaits was stopped.
template <class Promise>
concept ends_stopped = requires(Promise& p) {
  { p.unhandled_stopped() } -> std::convertible_to<std::coroutine_handle<>>;
}
|| requires(Promise& p) {
  { p.unhandled_done() } -> std::convertible_to<std::coroutine_handle<>>;
};

template <class Promise>
std::coroutine_handle<> stopped_continuation(Promise& promise) noexcept {
  if constexpr (requires { promise.unhandled_stopped(); }) {
    return promise.unhandled_stopped();
  } else {
    return promise.unhandled_done();
  }
}

/// It may be asked to stop, and we would not be notified.
template <class Promise>
concept ignores_stop = !has_token<Promise> && !without_stop<Promise> && requires {
  typename foreign_env_t<Promise>::as_it_stands;
}
&&(ends_stopped<Promise> || (!has_scheduler<Promise> && requires(Promise & p) { p.get_env(); }));

/// `execo::foreign_stop_token` has it, whatever its shape.
template <class Token>
concept stop_token_like = requires(const Token& token) {
  { foreign_stop_token<Token>::requested(token) } -> std::convertible_to<bool>;
  std::type_identity<typename foreign_stop_token<Token>::template callback<void (*)()>>();
};

template <class Token, class Call>
struct stop_callback_of {
  static_assert(stop_token_like<Token>,
                "this stop token cannot call back: it needs a callback_type<F>, or a "
                "specialisation of execo::foreign_stop_token");
  using type = typename foreign_stop_token<Token>::template callback<Call>;
};

template <class Token>
bool is_stop_requested(const Token& token) {
  return foreign_stop_token<Token>::requested(token);
}

/// A stop_state that receives requests from any thread.
class remote_stop {
 public:
  explicit remote_stop(loop& affinity) noexcept;
  remote_stop(const remote_stop&) = delete;
  remote_stop& operator=(const remote_stop&) = delete;

  stop_state& state() noexcept { return stop_; }
  /// Thread: any, once.
  void request() noexcept { crossing_.request(affinity_); }

  /// On its loop, after the last request: waits for one that is in flight.
  class quiescence {
   public:
    explicit quiescence(remote_stop& stop) noexcept : stop_(stop) {}
    bool await_ready() const noexcept { return stop_.crossing_.close(); }
    void await_suspend(std::coroutine_handle<> waiting) const noexcept { stop_.waiting_ = waiting; }
    void await_resume() const noexcept {}

   private:
    remote_stop& stop_;
  };
  quiescence quiescent() noexcept { return quiescence(*this); }

 private:
  void arrive() noexcept;

  loop& affinity_;
  stop_state stop_;
  cross_loop_stop crossing_;
  std::coroutine_handle<> waiting_;
};

class foreign_adapter {
 public:
  class promise_type {
   public:
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    foreign_adapter get_return_object() noexcept {
      return foreign_adapter(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    void unhandled_exception() const noexcept { std::terminate(); }
    void return_value(std::coroutine_handle<> awaiting) noexcept { awaiting_ = awaiting; }
    struct final_awaiter {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> self) const noexcept {
        std::coroutine_handle<> awaiting = self.promise().awaiting_;
        self.destroy();
        return awaiting;
      }
      void await_resume() const noexcept {}
    };
    final_awaiter final_suspend() const noexcept { return {}; }

   private:
    std::coroutine_handle<> awaiting_;
  };

  std::coroutine_handle<> handle() const noexcept { return handle_; }

 private:
  explicit foreign_adapter(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

/// From a cancellation slot, which lives on the awaiting coroutine's thread, to the adapter's
/// stop, which lives on a loop. Shared by the slot's handler and the adapter.
class slot_link {
 public:
  /// Thread: the slot's.
  void request() noexcept;
  /// Requests that came before are heard at once. Thread: the adapter's.
  void attach(remote_stop& to) noexcept;
  /// No request is passed on any more. Thread: the adapter's.
  void detach() noexcept;
  void drop() noexcept;

 private:
  std::mutex mutex_;
  remote_stop* to_ = nullptr;
  bool requested_ = false;
  std::atomic<int> holders_{2};
};

/// What the slot calls, with whatever it says of the cancellation. It keeps its link.
class slot_handler {
 public:
  explicit slot_handler(slot_link* link) noexcept : link_(link) {}
  slot_handler(slot_handler&& other) noexcept : link_(std::exchange(other.link_, nullptr)) {}
  slot_handler& operator=(slot_handler&&) = delete;
  ~slot_handler() {
    if (link_ != nullptr) link_->drop();
  }
  template <class Type>
  void operator()(Type&&) noexcept {
    link_->request();
  }

 private:
  slot_link* link_;
};

template <class Promise>
void* prepare_slot(std::coroutine_handle<> awaiting) {
  auto foreign = std::coroutine_handle<Promise>::from_address(awaiting.address());
  auto slot = foreign.promise().get_cancellation_slot();
  if (!slot.is_connected()) return nullptr;
  auto* link = new slot_link();
  slot.assign(slot_handler(link));
  return link;
}

struct forward_stop {
  remote_stop* to;
  void operator()() const noexcept { to->request(); }
};

template <class Promise>
foreign_adapter adapt(std::coroutine_handle<Promise> awaiting, env& where) {
  remote_stop stop(*where.affinity);
  [[maybe_unused]] auto* link = static_cast<slot_link*>(where.adapter_state);
  where.stop = &stop.state();
  if constexpr (has_token<Promise>) {
    auto&& asked = foreign_env_of(awaiting.promise());
    auto token = foreign_env_t<Promise>::stop_token(asked);
    using callback_type = typename stop_callback_of<decltype(token), forward_stop>::type;
    std::optional<callback_type> heard;
    if (is_stop_requested(token)) {
      stop.state().request();
    } else {
      heard.emplace(std::move(token), forward_stop(&stop));
    }
    co_await std::suspend_always();  // for the operation
    heard.reset();
    co_await stop.quiescent();
  } else {
    if (link != nullptr) link->attach(stop);
    co_await std::suspend_always();
    if (link != nullptr) link->detach();
    co_await stop.quiescent();
  }
  if constexpr (has_scheduler<Promise>) {
    auto&& asked = foreign_env_of(awaiting.promise());
    auto there = reschedule_to(foreign_env_t<Promise>::scheduler(asked));
    if constexpr (requires { there.await_ready(); }) {
      co_await there;
    } else {
      co_await std::move(there);
    }
  }
  if constexpr (has_slot<Promise>) {
    if (link != nullptr) {
      awaiting.promise().get_cancellation_slot().clear();
      link->drop();
    }
  }
  if constexpr (ends_stopped<Promise>) {
    // Its own way to say so: no exception that its library would take for a failure.
    if (stop.state().cancelled()) co_return stopped_continuation(awaiting.promise());
  }
  co_return awaiting;
}

template <class Promise>
void join_adapter(std::coroutine_handle<>& awaiting, env& where) {
  auto foreign = std::coroutine_handle<Promise>::from_address(awaiting.address());
  where.adapter = nullptr;
  if constexpr (!has_scheduler<Promise>) {
    auto&& asked = foreign_env_of(foreign.promise());
    auto token = foreign_env_t<Promise>::stop_token(asked);
    if constexpr (requires { token.stop_possible(); })
      if (!token.stop_possible()) return;
  }
  awaiting = adapt(foreign, where).handle();
}

template <class Promise>
constexpr auto slot_preparation() noexcept -> decltype(foreign_adapter_functions::prepare) {
  if constexpr (has_slot<Promise>) {
    return &prepare_slot<Promise>;
  } else {
    return nullptr;
  }
}

template <class Promise>
inline constexpr foreign_adapter_functions foreign_adapter_of{slot_preparation<Promise>(),
                                                              &join_adapter<Promise>};

}  // namespace detail
}  // namespace execo
