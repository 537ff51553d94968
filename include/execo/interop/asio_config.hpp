/// Which Asio the adapters are for: standalone Asio (1.22 or later), or Boost.Asio (1.81 or later)
/// where EXECO_USE_BOOST_ASIO is defined. A program may use both, in different source files.
#pragma once

#if defined(EXECO_USE_BOOST_ASIO)
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#define EXECO_ASIO_ADAPTERS with_boost_asio
#define EXECO_ASIO_NAMESPACE_BEGIN \
  namespace boost {                \
  namespace asio {
#define EXECO_ASIO_NAMESPACE_END \
  }                              \
  }

namespace execo {
inline namespace EXECO_ASIO_ADAPTERS {
namespace net = boost::asio;
using net_error_code = boost::system::error_code;
using net_system_error = boost::system::system_error;
}  // namespace EXECO_ASIO_ADAPTERS
}  // namespace execo
#else
#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/error_code.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <asio/system_executor.hpp>

#define EXECO_ASIO_ADAPTERS with_asio
#define EXECO_ASIO_NAMESPACE_BEGIN namespace asio {
#define EXECO_ASIO_NAMESPACE_END }

namespace execo {
inline namespace EXECO_ASIO_ADAPTERS {
namespace net = ::asio;
using net_error_code = ::asio::error_code;
using net_system_error = ::asio::system_error;
}  // namespace EXECO_ASIO_ADAPTERS
}  // namespace execo
#endif
