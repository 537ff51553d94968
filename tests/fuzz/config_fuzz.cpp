// A configuration file is read or refused, with one line that names the file, whatever is in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "execo/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    execo::config c = execo::parse_config(text, "file");
    if (c.fanout < 1 || c.ssh.port < 0 || c.ssh.port > 65'535 || c.ssh.handshakes < 1) std::abort();
    if (c.timeout.count() < 0 || c.kill_timeout.count() < 0) std::abort();
  } catch (const execo::config_error& error) {
    std::string_view what = error.what();
    if (!what.starts_with("file:") || what.find('\n') != what.npos) std::abort();
  }
  return 0;
}
