// Whatever an ssh on a host asks the agent of the tree: the reader stays in its bounds and limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "wire/message_limits.hpp"
#include "wire/ssh_agent_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace execo::detail;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (;;) {
    bool malformed = false;
    std::optional<std::size_t> whole = ssh_agent_reader::size_of(bytes, malformed);
    if (!whole || malformed || bytes.size() < *whole) return 0;
    if (*whole > ssh_agent_request_limit + 4) std::abort();
    ssh_agent_request read = ssh_agent_reader::read(bytes.substr(4, *whole - 4));
    if (read.wish == ssh_agent_wish::signature &&
        (read.key.size() > sign_key_limit || read.data.size() > sign_data_limit))
      std::abort();
    if (read.wish == ssh_agent_wish::bind &&
        (read.host_key.size() > sign_key_limit || read.session.size() > sign_session_limit ||
         read.proof.size() > sign_key_limit))
      std::abort();
    bytes.remove_prefix(*whole);
  }
}
