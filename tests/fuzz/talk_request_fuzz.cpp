// Whatever a process of a command sends to its agent over the socket for messages: what is read of
// it stays in its bounds, and is what a message of the tree can carry.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "wire/message_limits.hpp"
#include "wire/messages.hpp"
#include "wire/talk_request.hpp"

namespace {

void require_holds(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace execo::detail;
  const auto read = read_talk_request(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!read) return 0;
  if (read->wish == talk_wish::send) {
    require_holds(read->bytes.size() <= talk_limit && read->to_ranks.empty() == read->to_all);
    say_message what;
    what.run = 1;
    what.hosts = index_ranges(1);
    what.to_all = read->to_all;
    what.to_ranks = read->to_ranks;
    what.bytes = read->bytes;
    require_holds(body_of(what).size() <= frame_body_limit);
  }
  if (read->wish == talk_wish::reduce) {
    contribute_message what;
    what.run = 1;
    what.hosts = index_ranges(1);
    what.value = read->value;
    what.text = read->bytes;
    const std::string body = body_of(what);
    frame from = header_of(what);
    from.body = body;
    require_holds(contribute_message::decode(from) == what);
  }
  return 0;
}
