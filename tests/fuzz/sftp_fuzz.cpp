// What an SFTP server sends: however its bytes are cut, the same packets come out of them, and none
// holds more than it has bytes for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "transfer/sftp_wire.hpp"

namespace {

namespace detail = execo::detail;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string read_stream(std::string_view stream, std::size_t each) {
  std::string found;
  detail::sftp_splitter packets;
  while (!stream.empty()) {
    std::string_view some = stream.substr(0, each);
    stream.remove_prefix(some.size());
    std::span<const char> bytes(some.data(), some.size());
    while (auto packet = packets.next(bytes)) {
      require(!packet->empty() && packet->size() <= detail::max_sftp_packet);
      auto answer = detail::read_sftp_answer(*packet);
      found += answer ? "answer " + std::to_string(answer->id) : std::string("none");
      if (!answer) continue;
      require(answer->data.size() <= packet->size() && answer->text.size() <= packet->size());
      require(answer->names.size() <= packet->size());
      for (const detail::sftp_name& one : answer->names) found += one.name;
      found += answer->data;
      found += answer->text;
    }
    require(bytes.empty() || packets.broken());
  }
  return found + (packets.broken() ? "broken" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_stream(bytes, bytes.size() + 1);
  require(read_stream(bytes, 1) == whole);
  require(read_stream(bytes, 13) == whole);
  return 0;
}
