// What strangers write reaches terminals, logs and JSON through this one function: whatever the
// bytes, the text is UTF-8 without anything that a terminal acts on, and printable text is left
// alone.
#include "execo/printable.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void check(std::string_view text, std::string_view allowed) {
  if (!execo::valid_utf8(text)) std::abort();
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    bool control = byte < ' ' || byte == 0x7f;
    bool c1 = byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1 || (control && allowed.find(text[i]) == allowed.npos)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::size_t max_size = data[0];

  std::string line = execo::printable(bytes);
  check(line, "\t");
  if (execo::printable(line) != line) std::abort();
  for (std::string_view separator : {"\xe2\x80\xa8", "\xe2\x80\xa9"})
    if (line.find(separator) != line.npos) std::abort();

  std::string lines = execo::printable_lines(bytes);
  check(lines, "\t\n");
  if (execo::printable_lines(lines) != lines) std::abort();

  std::string cut = execo::printable(bytes, max_size);
  check(cut, "\t");
  if (cut.size() > max_size) std::abort();
  if (line.size() <= max_size && cut != line) std::abort();

  std::string repaired = execo::repaired_utf8(bytes);
  if (!execo::valid_utf8(repaired)) std::abort();
  if (execo::valid_utf8(bytes) && repaired != bytes) std::abort();
  return 0;
}
