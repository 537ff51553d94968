// A port here that leads to what a host reaches, a SOCKS proxy that leads anywhere, and a port of a
// host that leads to what is reached from here.
//   port_forward VIA HOST:PORT            a database behind a bastion, for programs here
//   port_forward VIA                      a SOCKS proxy
//   port_forward VIA HOST:PORT :PORT      a service here, for programs on the host
// ctest: build only
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> reach(std::string via, std::string there) {
  auto db = execo::port_forward::local("127.0.0.1:0", via, there);
  auto begun = co_await db.ready();
  if (!begun) {
    fmt::print(stderr, "{}\n", begun.end().describe());
    co_return 1;
  }
  fmt::print("{} leads to {}\n", begun.here().to_string(), there);
  auto end = co_await db.run();  // until Ctrl-C, or the connection is lost
  auto carried = db.counts();
  fmt::print("{} connections, {} failed, {} bytes there, {} back\n", carried.opened, carried.failed,
             carried.bytes_there, carried.bytes_back);
  if (carried.failed > 0) fmt::print("the last failure: {}\n", carried.last_failure);
  fmt::print("{}\n", end.describe());
  co_return 0;
}

execo::task<int> publish(std::string via, std::string here, std::string on_host) {
  auto shown = execo::port_forward::remote(on_host, via, here);
  auto begun = co_await shown.ready();
  if (begun) fmt::print("{} of {} leads to {}\n", begun.here().to_string(), via, here);
  auto end = co_await shown.run();
  fmt::print("{}\n", end.describe());
  co_return 0;
}

execo::task<int> proxy(std::string via) {
  auto socks = execo::port_forward::dynamic("127.0.0.1:1080", via);
  auto end = co_await socks.run();
  fmt::print("{}\n", end.describe());
  co_return 0;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: port_forward VIA [HOST:PORT [:PORT]]\n");
    return 2;
  }
  if (argc > 3) return execo::run_main(publish(argv[1], argv[2], argv[3]));
  return execo::run_main(argc > 2 ? reach(argv[1], argv[2]) : proxy(argv[1]));
}
