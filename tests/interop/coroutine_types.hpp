// Coroutine types in the manner of the libraries that people have: written here, nothing of execo
// in them. What they have in common is left to the tests: `get()` gives the value or throws.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace execo::test {

/// A few threads and a queue of functions.
class worker_pool {
 public:
  explicit worker_pool(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;
  ~worker_pool() {
    {
      std::lock_guard hold(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& t : threads_) t.join();
  }

  void push(std::function<void()> f) {
    // Under the lock: once `f` has run, the pool may be gone.
    std::lock_guard hold(mutex_);
    queue_.push_back(std::move(f));
    changed_.notify_one();
  }
  bool is_mine(std::thread::id id) const {
    for (const std::thread& t : threads_)
      if (t.get_id() == id) return true;
    return false;
  }

 private:
  void work() {
    std::unique_lock hold(mutex_);
    while (true) {
      changed_.wait(hold, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      auto f = std::move(queue_.front());
      queue_.pop_front();
      hold.unlock();
      f();
      hold.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

/// The argument of type T of a coroutine; a lambda has itself in front of them.
template <class T, class First, class... Rest>
T& argument(First& first, Rest&... rest) {
  if constexpr (std::is_same_v<std::remove_const_t<First>, T>) {
    return first;
  } else {
    return argument<T>(rest...);
  }
}

/// What the eager types share: a future for the result, a frame that frees itself.
template <class T>
class future_promise {
 public:
  std::suspend_never initial_suspend() const noexcept { return {}; }
  std::suspend_never final_suspend() const noexcept { return {}; }
  void return_value(T value) { done_.set_value(std::move(value)); }
  void unhandled_exception() { done_.set_exception(std::current_exception()); }

 protected:
  std::promise<T> done_;
};

template <class T>
class future_result {
 public:
  explicit future_result(std::future<T> f) : future_(std::move(f)) {}
  T get() { return future_.get(); }
  bool ready() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  std::future<T> future_;
};

/// As libcoro's: lives on a thread pool, and has a scheduler that it returns to.
template <class T>
class pooled : public future_result<T> {
 public:
  using future_result<T>::future_result;

  class scheduler {
   public:
    explicit scheduler(worker_pool& pool) : pool_(&pool) {}
    class hop {
     public:
      explicit hop(worker_pool& pool) : pool_(pool) {}
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> h) const {
        pool_.push([h] { h.resume(); });
      }
      void await_resume() const noexcept {}

     private:
      worker_pool& pool_;
    };
    hop schedule() const { return hop(*pool_); }

   private:
    worker_pool* pool_;
  };

  class promise_type : public future_promise<T> {
   public:
    template <class... Args>
    explicit promise_type(Args&... args) : pool_(argument<worker_pool>(args...)) {}
    pooled get_return_object() { return pooled(this->done_.get_future()); }
    typename scheduler::hop initial_suspend() const { return scheduler(pool_).schedule(); }
    scheduler get_scheduler() const { return scheduler(pool_); }

   private:
    worker_pool& pool_;
  };
};

/// A token shaped as cppcoro's: other names, and a registration that is no template.
class cancellation {
 public:
  explicit cancellation(std::stop_token inner) : inner_(std::move(inner)) {}
  bool is_cancellation_requested() const noexcept { return inner_.stop_requested(); }

 private:
  friend class cancellation_registration;
  std::stop_token inner_;
};
class cancellation_registration {
 public:
  template <class Call>
  cancellation_registration(cancellation token, Call&& call)
      : inner_(token.inner_, std::forward<Call>(call)) {}

 private:
  std::stop_callback<std::function<void()>> inner_;
};

/// A stop token of a library's own making, as unifex and stdexec have one.
class own_token {
 public:
  explicit own_token(std::stop_token inner) : inner_(std::move(inner)) {}
  bool stop_requested() const noexcept { return inner_.stop_requested(); }
  bool stop_possible() const noexcept { return inner_.stop_possible(); }

  template <class Call>
  class callback_type {
   public:
    callback_type(own_token token, Call call) : inner_(token.inner_, std::move(call)) {}

   private:
    std::stop_callback<Call> inner_;
  };

 private:
  std::stop_token inner_;
};

/// As unifex's: the stop token comes from the environment of the promise.
template <class T>
class with_env : public future_result<T> {
 public:
  using future_result<T>::future_result;

  class environment {
   public:
    explicit environment(own_token token) : token_(std::move(token)) {}
    own_token get_stop_token() const { return token_; }

   private:
    own_token token_;
  };

  class promise_type : public future_promise<T> {
   public:
    template <class... Args>
    explicit promise_type(Args&... args) : token_(argument<own_token>(args...)) {}
    with_env get_return_object() { return with_env(this->done_.get_future()); }
    environment get_env() const { return environment(token_); }

   private:
    own_token token_;
  };
};

/// As Boost.Cobalt's: eager, with an executor and a std::stop_token in the promise.
template <class T>
class with_executor : public future_result<T> {
 public:
  using future_result<T>::future_result;

  class executor {
   public:
    explicit executor(worker_pool& pool) : pool_(&pool) {}
    template <class F>
    void execute(F f) const {
      pool_->push(std::move(f));
    }

   private:
    worker_pool* pool_;
  };

  class promise_type : public future_promise<T> {
   public:
    template <class... Args>
    explicit promise_type(Args&... args)
        : pool_(argument<worker_pool>(args...)), token_(argument<std::stop_token>(args...)) {}
    with_executor get_return_object() { return with_executor(this->done_.get_future()); }
    executor get_executor() const { return executor(pool_); }
    std::stop_token get_stop_token() const { return token_; }

   private:
    worker_pool& pool_;
    std::stop_token token_;
  };
};

/// As async_simple's: what it awaits gets a handle that says nothing of the promise.
template <class T>
class erased : public future_result<T> {
 public:
  using future_result<T>::future_result;

  template <class Awaiter>
  class without_promise {
   public:
    explicit without_promise(Awaiter&& inner) : inner_(std::forward<Awaiter>(inner)) {}
    bool await_ready() { return inner_.await_ready(); }
    auto await_suspend(std::coroutine_handle<> awaiting) { return inner_.await_suspend(awaiting); }
    decltype(auto) await_resume() { return inner_.await_resume(); }

   private:
    Awaiter inner_;
  };

  class promise_type : public future_promise<T> {
   public:
    erased get_return_object() { return erased(this->done_.get_future()); }
    template <class Awaitable>
    auto await_transform(Awaitable&& what) {
      if constexpr (requires { std::forward<Awaitable>(what).operator co_await(); }) {
        using awaiter = decltype(std::forward<Awaitable>(what).operator co_await());
        return without_promise<awaiter>(std::forward<Awaitable>(what).operator co_await());
      } else {
        return without_promise<Awaitable>(std::forward<Awaitable>(what));
      }
    }
  };
};

/// As unifex's: it moves the awaiter before it awaits it.
template <class T>
class moving : public future_result<T> {
 public:
  using future_result<T>::future_result;

  class promise_type : public future_promise<T> {
   public:
    moving get_return_object() { return moving(this->done_.get_future()); }
    template <class Awaitable>
    auto await_transform(Awaitable&& what) {
      if constexpr (requires { std::forward<Awaitable>(what).operator co_await(); }) {
        auto awaiter = std::forward<Awaitable>(what).operator co_await();
        auto moved = std::move(awaiter);
        return moved;
      } else {
        auto moved = std::forward<Awaitable>(what);
        return moved;
      }
    }
  };
};

/// As stdexec's: what it awaits may end as stopped, and then it does not go on.
class ends_stopped {
 public:
  enum class end { returned, threw, stopped };

  class promise_type;
  explicit ends_stopped(std::future<end> f) : end_(std::move(f)) {}
  end get() { return end_.get(); }

  class environment {
   public:
    explicit environment(own_token token) : token_(std::move(token)) {}
    own_token get_stop_token() const { return token_; }

   private:
    own_token token_;
  };

  class promise_type {
   public:
    template <class... Args>
    explicit promise_type(Args&... args) : token_(argument<own_token>(args...)) {}
    ends_stopped get_return_object() { return ends_stopped(end_.get_future()); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() { end_.set_value(end::returned); }
    void unhandled_exception() { end_.set_value(end::threw); }
    std::coroutine_handle<> unhandled_stopped() {
      end_.set_value(end::stopped);
      std::coroutine_handle<promise_type>::from_promise(*this).destroy();
      return std::noop_coroutine();
    }
    environment get_env() const { return environment(token_); }

   private:
    std::promise<end> end_;
    own_token token_;
  };

 private:
  std::future<end> end_;
};

}  // namespace execo::test
