// A directory of its own for each run, and a port for its server.
#include <cstdlib>
#include <execo/execo.hpp>
#include <filesystem>
#include <iostream>

execo::task<int> work(const std::filesystem::path& results) {
  execo::run_directory run("latency", results);
  execo::free_ports ports;
  const std::string port = std::to_string(ports.next());
  auto r = co_await execo::process("echo", "serving at port", port)
               .out(execo::to_file(run / "server.log"))
               .run();
  std::cout << (run / "server.log").string() << '\n';
  co_return r.ok() ? 0 : 1;
}

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "execo-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  const int code = execo::sync_wait(work(folder));
  std::filesystem::remove_all(folder);
  return code;
}
