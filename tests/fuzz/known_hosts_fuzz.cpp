// The known_hosts parser reads a file that other programs and people write: whatever is in it, it
// must end, stay in its bounds, and never trust a key that no line names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ssh/known_hosts.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using execo::detail::known_hosts;
  constexpr std::string_view type = "ssh-ed25519";
  constexpr std::string_view key =
      "AAAAC3NzaC1lZDI1NTE5AAAAIGJuqyGsDPK7NiAaFG927vsg1aZA+hYT5IPDzJaW0XvH";
  std::string_view text(reinterpret_cast<const char*>(data), size);

  known_hosts known;
  known.parse(text);
  bool named = text.find(key) != text.npos;
  for (int port : {22, 2222}) {
    known_hosts::verdict v = known.check("alpha.example", port, type, key);
    if (v == known_hosts::verdict::known && !named) std::abort();
    if (known.types("alpha.example", port).size() > known.size()) std::abort();
  }
  known.add("alpha.example", 2222, type, key);
  known_hosts::verdict after = known.check("alpha.example", 2222, type, key);
  if (after != known_hosts::verdict::known && after != known_hosts::verdict::revoked) std::abort();
  return 0;
}
