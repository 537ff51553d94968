/// Asio and execo together, standalone Asio or Boost.Asio (EXECO_USE_BOOST_ASIO):
/// - async_await(op, token): execo's operations in Asio code
/// - use_execo: Asio's operations in execo's coroutines
/// - asio_host: a context inside an io_context, on one thread
#pragma once

#include "execo/interop/asio_await.hpp"
#include "execo/interop/asio_config.hpp"
#include "execo/interop/asio_host.hpp"
#include "execo/interop/asio_use_execo.hpp"
