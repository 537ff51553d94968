// execo inside an Asio program, on one thread: sockets and timers of Asio, processes of execo, each
// awaited from coroutines of the other.
// ctest: needs execo_asio
#include <fmt/format.h>

#include <array>
#include <asio.hpp>
#include <execo/execo.hpp>
#include <execo/interop/asio.hpp>

using namespace std::chrono_literals;
using tcp = asio::ip::tcp;

// An Asio coroutine: each connection gets what a process prints.
asio::awaitable<void> serve(tcp::acceptor& acceptor, execo::context& guest) {
  for (int served = 0; served < 2; ++served) {
    tcp::socket client = co_await acceptor.async_accept(asio::use_awaitable);
    auto date = execo::process("echo served").timeout(10s).run();
    execo::result r = co_await execo::async_await(guest, std::move(date), asio::use_awaitable);
    co_await asio::async_write(client, asio::buffer(r.out), asio::use_awaitable);
  }
}

// An execo coroutine: connects, and reads what comes.
execo::task<std::string> ask(asio::io_context& io, tcp::endpoint server) {
  tcp::socket socket(io);
  co_await socket.async_connect(server, execo::use_execo);
  std::array<char, 64> text{};
  std::size_t n = co_await socket.async_read_some(asio::buffer(text), execo::use_execo);
  co_return std::string(text.data(), n);
}

execo::task<int> ask_twice(asio::io_context& io, tcp::endpoint server) {
  auto [first, second] = co_await execo::when_all(ask(io, server), ask(io, server));
  fmt::print("{}{}", first, second);
  co_return first == second ? 0 : 1;
}

int main() {
  asio::io_context io(1);
  execo::context guest;
  execo::asio_host host(io.get_executor(), guest);

  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  asio::co_spawn(io, serve(acceptor, guest), asio::detached);
  int code = 1;
  auto asking =
      execo::start(guest, ask_twice(io, acceptor.local_endpoint()), [&](execo::outcome<int> end) {
        code = end.value();
        host.close();  // nothing else keeps the io_context running
      });
  io.run();
  return code;
}
