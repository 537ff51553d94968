// Any text is a host set or a host_set_error, in bounded time and memory; what is read folds to
// text that reads back as the same set, and the algebra holds. Group names find nothing here.

#include <cstdint>
#include <cstdlib>
#include <execo/groups.hpp>
#include <execo/host.hpp>
#include <execo/host_set.hpp>
#include <execo/range_set.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "set_bounds.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

const execo::groups& sources() {
  static const execo::groups made = [] {
    execo::groups g;
    g.add("local", std::map<std::string, std::string>{
                       {"all", "n[1-20],a[1-3]b[1-3]"}, {"x", "n[1-5]"}, {"y", "@x,@y"}});
    return g;
  }();
  return made;
}

// Names made of negative indexes or of brackets that mean nothing do not read back.
bool reads_back(std::string_view text) {
  return text.find("-") == std::string_view::npos && text.find('@') == std::string_view::npos;
}

void check_algebra(const execo::host_set& a, const execo::host_set& b) {
  const auto both = a | b;
  require((a & b) == (b & a));
  require(both.size() + (a & b).size() == a.size() + b.size());
  require((a ^ b) == (both - (a & b)));
  require(((a - b) | (a & b)) == a);
  require(both.contains(a) && a.contains(a & b));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 512) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (execo::fuzz::set_bounds{text}.too_large(1000)) return 0;
  try {
    static_cast<void>(execo::host{text});
  } catch (const std::invalid_argument&) {
  }
  try {
    static_cast<void>(execo::range_set{text}.to_string(execo::fold_style{}.autostep(3)));
  } catch (const execo::host_set_error&) {
  }
  try {
    const execo::host_set set = sources().read(text);
    if (set.size() > 3000) return 0;
    const std::string folded = set.to_string();
    static_cast<void>(set.to_string(execo::fold_style{}.autostep(2)));
    static_cast<void>(set.contiguous());
    std::size_t count = 0;
    for (const std::string name : set) {
      if (++count > 200) break;
      require(!name.empty());
    }
    if (!set.empty()) static_cast<void>(set[set.size() - 1]);
    if (reads_back(text)) require(execo::host_set{folded} == set);
    const std::size_t half = set.size() / 2;
    const auto first = set.slice(0, half);
    require(first.size() == half);
    check_algebra(set, first | sources().read("n[3-30]"));
  } catch (const execo::host_set_error&) {
  }
  return 0;
}
