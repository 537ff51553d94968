// A sender library in the manner of P2300, as small as can be: receivers and operation states with
// members, environments with queries. Nothing of execo in it.
#pragma once

#include <exception>
#include <future>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

namespace mini {

class get_stop_token_t {
 public:
  template <class Env>
  auto operator()(Env& env) const -> decltype(env.query(*this)) {
    return env.query(*this);
  }
};
inline constexpr get_stop_token_t get_stop_token;

/// An environment that answers a query, as those of P2300 do.
class env {
 public:
  explicit env(std::stop_token token) : token_(std::move(token)) {}
  std::stop_token query(get_stop_token_t) const { return token_; }

 private:
  std::stop_token token_;
};

/// How a sender ended.
template <class T>
class ended {
 public:
  std::optional<T> value;
  std::exception_ptr error;
  bool stopped = false;
};

class nothing {};

template <class T>
class sync_receiver {
 public:
  sync_receiver(std::promise<ended<T>>& to, std::stop_token token)
      : to_(&to), token_(std::move(token)) {}
  template <class... Value>
  void set_value(Value&&... value) && {
    ended<T> e;
    e.value.emplace(std::forward<Value>(value)...);
    to_->set_value(std::move(e));
  }
  void set_error(std::exception_ptr error) && {
    ended<T> e;
    e.error = std::move(error);
    to_->set_value(std::move(e));
  }
  void set_stopped() && {
    ended<T> e;
    e.stopped = true;
    to_->set_value(std::move(e));
  }
  env get_env() const { return env(token_); }

 private:
  std::promise<ended<T>>* to_;
  std::stop_token token_;
};

/// Starts a sender here and waits for its end, which another thread brings.
template <class T, class Sender>
ended<T> sync_wait(Sender sender, std::stop_token token = {}) {
  std::promise<ended<T>> done;
  auto end = done.get_future();
  auto op = std::move(sender).connect(sync_receiver<T>(done, std::move(token)));
  op.start();
  return end.get();
}

/// Sends what it is given, here and now.
template <class... T>
class just_sender {
 public:
  template <template <class...> class Variant, template <class...> class Tuple>
  using value_types = Variant<Tuple<T...>>;

  template <class Receiver>
  class operation {
   public:
    operation(std::tuple<T...> values, Receiver to)
        : values_(std::move(values)), to_(std::move(to)) {}
    void start() noexcept {
      std::apply([this](T&... v) { std::move(to_).set_value(std::move(v)...); }, values_);
    }

   private:
    std::tuple<T...> values_;
    Receiver to_;
  };
  explicit just_sender(T... values) : values_(std::move(values)...) {}
  template <class Receiver>
  operation<Receiver> connect(Receiver to) && {
    return operation<Receiver>(std::move(values_), std::move(to));
  }

 private:
  std::tuple<T...> values_;
};

template <class... T>
just_sender<T...> just(T... values) {
  return just_sender<T...>(std::move(values)...);
}

template <class Receiver, class F>
class then_receiver {
 public:
  then_receiver(Receiver to, F f) : to_(std::move(to)), f_(std::move(f)) {}
  template <class... Value>
  void set_value(Value&&... value) && {
    if constexpr (std::is_void_v<std::invoke_result_t<F, Value...>>) {
      f_(std::forward<Value>(value)...);
      std::move(to_).set_value();
    } else {
      std::move(to_).set_value(f_(std::forward<Value>(value)...));
    }
  }
  void set_error(std::exception_ptr error) && { std::move(to_).set_error(std::move(error)); }
  void set_stopped() && { std::move(to_).set_stopped(); }
  auto get_env() const { return to_.get_env(); }

 private:
  Receiver to_;
  F f_;
};

template <class Sender, class F>
class then_sender {
 public:
  then_sender(Sender from, F f) : from_(std::move(from)), f_(std::move(f)) {}
  template <class Receiver>
  auto connect(Receiver to) && {
    return std::move(from_).connect(then_receiver<Receiver, F>(std::move(to), std::move(f_)));
  }

 private:
  Sender from_;
  F f_;
};

template <class Sender, class F>
auto then(Sender from, F f) {
  return then_sender<Sender, F>(std::move(from), std::move(f));
}

}  // namespace mini
