// What a host answers to stage 1: whatever its bytes, the reader ends in the same state however
// they are cut, keeps no more than it may, and leaves the same frames.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "wire/bootstrap.hpp"

namespace {

namespace detail = execo::detail;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string read(std::string_view bytes, std::size_t each) {
  detail::stage1_reader reader("0a");
  while (!bytes.empty()) {
    std::span<const char> some(bytes.data(), std::min(each, bytes.size()));
    const std::size_t given = some.size();
    const detail::stage1_state before = reader.state();
    const detail::stage1_state after = reader.feed(some);
    require(some.empty() || after != before);
    if (after == detail::stage1_state::answered && before != after) reader.sending();
    bytes.remove_prefix(given - some.size());
    if (after == detail::stage1_state::failed) break;
    if (after == detail::stage1_state::started) return "started " + std::string(bytes);
  }
  reader.end();
  require(reader.state() == detail::stage1_state::failed);
  require(reader.fault() != detail::stage1_fault::none);
  require(reader.fault_text().size() <= detail::stage1_reader::max_line);
  return std::string(words_of(reader.fault()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read(bytes, bytes.size() + 1);
  require(read(bytes, 1) == whole);
  require(read(bytes, 37) == whole);
  return 0;
}
