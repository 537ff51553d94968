// Bytes of a link in either direction: the same frames and the same fault come of them however they
// are cut, and each frame is what its bytes say.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/frame.hpp"

namespace {

namespace detail = execo::detail;

void require(bool holds) {
  if (!holds) std::abort();
}

// What the reader made of them: frames, as they would be sent, and the fault.
class reading {
 public:
  reading(std::string_view bytes, detail::flow from, std::size_t each) {
    detail::frame_reader reader(from);
    std::uint16_t sequence = 0;
    while (!bytes.empty() && reader.fault() == detail::wire_fault::none) {
      const std::string part(bytes.substr(0, each));
      std::string_view left(part);
      while (auto f = reader.next(left)) {
        require(detail::is_known(f->type) && detail::may_flow(f->type, from));
        require(f->body.size() <= detail::frame_body_limit);
        append_frame(frames, *f, sequence++);
      }
      require(left.empty() || reader.fault() != detail::wire_fault::none);
      bytes.remove_prefix(part.size());
    }
    fault = reader.fault();
  }
  std::string frames;
  detail::wire_fault fault = detail::wire_fault::none;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (detail::flow from : {detail::flow::up, detail::flow::down}) {
    const reading whole(bytes, from, size + 1);
    require(bytes.substr(0, whole.frames.size()) == whole.frames);
    for (std::size_t each : {1U, 7U, 21U}) {
      const reading cut(bytes, from, each);
      require(cut.frames == whole.frames && cut.fault == whole.fault);
    }
  }
  return 0;
}
