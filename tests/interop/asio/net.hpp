// All of the Asio that a test binary is for, as execo::net.
#pragma once

#if defined(EXECO_USE_BOOST_ASIO)
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#else
#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/deferred.hpp>
#endif

#include "execo/interop/asio.hpp"

namespace execo::test {

#if defined(EXECO_USE_BOOST_ASIO)
using net::as_tuple;
using net::deferred;
#else
using net::experimental::as_tuple;
using net::experimental::deferred;
#endif

/// An io_context that a thread of its own runs.
class io_thread {
 public:
  io_thread() : work_(io.get_executor()), thread_([this] { io.run(); }) {}
  io_thread(const io_thread&) = delete;
  io_thread& operator=(const io_thread&) = delete;
  ~io_thread() {
    work_.reset();
    thread_.join();
  }
  std::thread::id id() const { return thread_.get_id(); }

  net::io_context io;

 private:
  net::executor_work_guard<net::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace execo::test
