/// use_execo: lets a coroutine that awaits execo's operations await any Asio operation.
#pragma once

#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "execo/detail/operation.hpp"
#include "execo/interop/asio_config.hpp"

namespace execo {
inline namespace EXECO_ASIO_ADAPTERS {

/// A completion token: `std::size_t n = co_await socket.async_read_some(buffer, use_execo);`
///
/// The value is what the operation returns besides an error: nothing, one value, or a std::tuple.
/// Stop: emits cancellation on the I/O object's executor, and joins the operation.
/// Resumes: on the awaiting coroutine's own loop.
/// Throws: Asio's system_error for an error code, the exception of an exception_ptr;
/// operation_cancelled after a stop, and when its io_context is destroyed before it ended.
/// Pre: the I/O object is used by one thread at a time, as always; an io_context that several
/// threads run needs a strand.
class use_execo_t {
 public:
  constexpr use_execo_t() noexcept {}
};
inline constexpr use_execo_t use_execo;

namespace asio_detail {

/// What goes to another thread and comes back as a step of the loop: exactly once, whether it is
/// used there or dropped.
class returning_step {
 public:
  returning_step(detail::loop& on, detail::queue_node& node) noexcept : loop_(&on), node_(&node) {}
  returning_step(returning_step&& other) noexcept
      : loop_(other.loop_), node_(std::exchange(other.node_, nullptr)) {}
  returning_step& operator=(returning_step&&) = delete;
  ~returning_step() { come_back(); }
  void come_back() noexcept {
    if (node_ != nullptr) detail::post(*loop_, *std::exchange(node_, nullptr));
  }

 private:
  detail::loop* loop_;
  detail::queue_node* node_;
};

template <class Initiation>
struct executor_of {
  using type = net::system_executor;
  static type get(const Initiation&) noexcept { return {}; }
};
template <class Initiation>
requires requires(const Initiation& i) { i.get_executor(); }
struct executor_of<Initiation> {
  using type = std::decay_t<decltype(std::declval<const Initiation&>().get_executor())>;
  static type get(const Initiation& i) noexcept { return i.get_executor(); }
};

/// The values of a completion. Throws its error, if there is one.
template <class... Values>
auto give(std::tuple<Values...>&& values) {
  if constexpr (sizeof...(Values) == 1) {
    return std::get<0>(std::move(values));
  } else if constexpr (sizeof...(Values) > 1) {
    return std::move(values);
  }
}

template <class First, class... Rest>
auto give_or_throw(std::tuple<First, Rest...>&& all, bool stopped) {
  auto rest = [&all] {
    return std::apply([](First&, Rest&... r) { return std::tuple<Rest...>(std::move(r)...); }, all);
  };
  if constexpr (std::is_same_v<First, net_error_code>) {
    const net_error_code& error = std::get<0>(all);
    if (stopped && error == net::error::operation_aborted) throw operation_cancelled();
    if (error) throw net_system_error(error);
    return give(rest());
  } else if constexpr (std::is_same_v<First, std::exception_ptr>) {
    if (std::get<0>(all)) std::rethrow_exception(std::get<0>(all));
    return give(rest());
  } else {
    return give(std::move(all));
  }
}

template <class Initiation, class InitArgs, class... Args>
class [[nodiscard]] asio_op final : public detail::operation {
 public:
  asio_op(Initiation initiation, InitArgs args)
      : initiation_(std::move(initiation)),
        args_(std::move(args)),
        executor_(executor_of<Initiation>::get(initiation_)) {}
  /// Pre: not awaited yet.
  asio_op(asio_op&& other) noexcept
      : operation(std::move(other)),
        initiation_(std::move(other.initiation_)),
        args_(std::move(other.args_)),
        executor_(std::move(other.executor_)) {}

  auto await_resume() {
    if (failed_) std::rethrow_exception(failed_);
    if (!ended_) throw operation_cancelled();
    if constexpr (sizeof...(Args) > 0) return give_or_throw(std::move(*ended_), stopped_);
  }

 private:
  class handler {
   public:
    using cancellation_slot_type = net::cancellation_slot;
    explicit handler(asio_op& op) noexcept
        : op_(&op), slot_(op.signal_.slot()), step_(op.work(), op.ended_step_) {}

    template <class... A>
    void operator()(A&&... args) {
      op_->ended_.emplace(std::forward<A>(args)...);
      // A request that comes too late has no effect.
      slot_.clear();
      step_.come_back();
    }
    cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

   private:
    asio_op* op_;
    net::cancellation_slot slot_;
    returning_step step_;
  };

  class emission {
   public:
    explicit emission(asio_op& op) noexcept : op_(&op), step_(op.work(), op.emitted_step_) {}
    void operator()() {
      op_->signal_.emit(net::cancellation_type::all);
      step_.come_back();
    }

   private:
    asio_op* op_;
    returning_step step_;
  };

  void on_start(bool stopped) noexcept override {
    ended_step_.run = detail::delegate<>::template to<&asio_op::end>(this);
    emitted_step_.run = detail::delegate<>::template to<&asio_op::emitted>(this);
    if (stopped) return complete();
    try {
      std::apply(
          [this](auto&&... args) {
            std::move(initiation_)(handler(*this), std::forward<decltype(args)>(args)...);
          },
          std::move(args_));
    } catch (...) {
      // The handler is destroyed with it, which ends the operation.
      failed_ = std::current_exception();
    }
  }

  bool cancelled() const noexcept override { return stopped_ && !ended_ && !failed_; }

  void on_stop() noexcept override {
    stopped_ = true;
    if (over_) return;
    if constexpr (std::is_same_v<typename executor_of<Initiation>::type, net::system_executor>) {
      signal_.emit(net::cancellation_type::all);
    } else {
      emitting_ = true;
      net::post(executor_, emission(*this));
    }
  }

  void end() noexcept {
    over_ = true;
    if (!emitting_) complete();
  }
  void emitted() noexcept {
    emitting_ = false;
    if (over_) complete();
  }

  Initiation initiation_;
  InitArgs args_;
  typename executor_of<Initiation>::type executor_;
  net::cancellation_signal signal_;
  detail::queue_node ended_step_;
  detail::queue_node emitted_step_;
  std::optional<std::tuple<Args...>> ended_;
  std::exception_ptr failed_;
  bool stopped_ = false;
  bool over_ = false;
  bool emitting_ = false;
};

}  // namespace asio_detail
}  // namespace EXECO_ASIO_ADAPTERS
}  // namespace execo

EXECO_ASIO_NAMESPACE_BEGIN

template <class R, class... Args>
class async_result<execo::use_execo_t, R(Args...)> {
 public:
  template <class Initiation, class... InitArgs>
  static auto initiate(Initiation&& initiation, execo::use_execo_t, InitArgs&&... args) {
    using args_type = std::tuple<std::decay_t<InitArgs>...>;
    return execo::asio_detail::asio_op<std::decay_t<Initiation>, args_type, std::decay_t<Args>...>(
        std::forward<Initiation>(initiation), args_type(std::forward<InitArgs>(args)...));
  }
};

EXECO_ASIO_NAMESPACE_END
