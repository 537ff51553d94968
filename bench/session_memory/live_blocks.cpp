#include "session_memory/live_blocks.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace bench {
namespace {

constexpr std::size_t max_frames = 24;
constexpr std::size_t max_blocks = std::size_t{1} << 22;

class block {
 public:
  void* address = nullptr;  // gone: erased
  std::size_t bytes = 0;
  std::array<void*, max_frames> frames{};
  int depth = 0;
};

// An open hash table outside of the heap that it describes.
class table {
 public:
  void open() {
    void* memory = ::mmap(nullptr, max_blocks * sizeof(block), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    blocks_ = static_cast<block*>(memory);
  }
  void add(void* address, std::size_t bytes) {
    std::array<void*, max_frames> frames;
    int depth = ::backtrace(frames.data(), max_frames);
    std::lock_guard lock(mutex_);
    std::size_t at = slot_of(address);
    while (blocks_[at].address != nullptr && blocks_[at].address != erased()) at = next(at);
    blocks_[at].address = address;
    blocks_[at].bytes = bytes;
    blocks_[at].frames = frames;
    blocks_[at].depth = depth;
  }
  void remove(void* address) {
    std::lock_guard lock(mutex_);
    for (std::size_t at = slot_of(address); blocks_[at].address != nullptr; at = next(at)) {
      if (blocks_[at].address != address) continue;
      blocks_[at].address = erased();
      return;
    }
  }
  template <class Call>
  void each(Call&& call) const {
    for (std::size_t i = 0; blocks_ != nullptr && i < max_blocks; ++i)
      if (blocks_[i].address != nullptr && blocks_[i].address != erased()) call(blocks_[i]);
  }

 private:
  static void* erased() { return reinterpret_cast<void*>(1); }
  static std::size_t next(std::size_t at) { return (at + 1) % max_blocks; }
  static std::size_t slot_of(const void* address) {
    auto bits = reinterpret_cast<std::uintptr_t>(address) >> 4;
    return (bits * 0x9E3779B97F4A7C15ULL >> 20) % max_blocks;
  }

  block* blocks_ = nullptr;
  std::mutex mutex_;
};

table all;
std::atomic<bool> counts{false};
thread_local bool is_inside = false;  // what backtrace() takes itself

void note_taken(void* address, std::size_t bytes) {
  if (address == nullptr || is_inside || !counts.load(std::memory_order_relaxed)) return;
  is_inside = true;
  all.add(address, bytes);
  is_inside = false;
}

void note_freed(void* address) {
  if (address == nullptr || is_inside || !counts.load(std::memory_order_relaxed)) return;
  all.remove(address);
}

class frame {
 public:
  std::string owner;
  std::string name;  // empty: it has none

  static frame of(void* address) {
    frame found;
    Dl_info where{};
    if (::dladdr(address, &where) == 0 || where.dli_fname == nullptr) return found;
    found.owner = owner_of(where.dli_fname);
    if (where.dli_sname != nullptr) found.name = readable(where.dli_sname);
    return found;
  }
  bool is_our_malloc() const {
    return owner == "execo" && (name == "malloc" || name == "calloc" || name == "realloc" ||
                                name == "memalign" || name == "posix_memalign");
  }
  bool is_of_c_library() const {
    return owner.empty() || owner == "libc" || owner == "libstdc++" || is_our_malloc();
  }

 private:
  static std::string owner_of(std::string file) {
    file.erase(0, file.rfind('/') + 1);
    if (file.starts_with("libcrypto.") || file.starts_with("libssl.")) return "OpenSSL";
    std::size_t end = file.find(".so");
    return end == file.npos ? "execo" : file.substr(0, end);
  }
  // Without arguments and namespaces.
  static std::string readable(const char* symbol) {
    int status = 0;
    char* text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
    std::string name = status == 0 ? text : symbol;
    std::free(text);
    name = name.substr(0, name.find('('));
    for (std::string_view space : {"execo::detail::", "execo::"})
      for (std::size_t at = 0; (at = name.find(space, at)) != name.npos;)
        name.erase(at, space.size());
    return name;
  }
};

using names = std::map<void*, frame>;

const frame& frame_of(void* address, names& known) {
  auto found = known.find(address);
  if (found == known.end()) found = known.emplace(address, frame::of(address)).first;
  return found->second;
}

// Who asked the allocator, and the first function of that which has a name, and of ours.
void describe(const block& of, names& known, live_blocks::place& into) {
  bool is_named = false;
  bool is_above = false;  // our malloc
  for (int i = 0; i < of.depth; ++i) {
    const frame& at = frame_of(of.frames[static_cast<std::size_t>(i)], known);
    is_above = is_above || at.is_our_malloc();
    if (!is_above) continue;
    if (into.owner.empty()) {
      if (at.is_of_c_library()) continue;
      into.owner = at.owner;
    }
    if (at.name.empty()) continue;
    if (at.owner == into.owner && !is_named) {
      into.function = at.name;
      is_named = true;
    }
    if (at.owner != "execo") continue;
    if (into.owner != "execo") into.function += " < " + at.name;
    return;
  }
}

}  // namespace

void live_blocks::begin() {
  std::array<void*, 4> frames;
  (void)::backtrace(frames.data(), frames.size());  // loads what it needs
  all.open();
  counts = true;
}

std::vector<live_blocks::place> live_blocks::now() {
  is_inside = true;
  names known;
  std::map<std::string, place> found;
  constexpr std::size_t head = sizeof(std::size_t);
  all.each([&](const block& b) {
    place one;
    describe(b, known, one);
    place& sum = found[one.owner + ' ' + one.function + ' ' + std::to_string(b.bytes)];
    sum.owner = one.owner;
    sum.function = one.function;
    ++sum.blocks;
    sum.bytes += b.bytes;
    sum.taken += ::malloc_usable_size(b.address) + head;
  });
  std::vector<place> places;
  for (auto& [key, one] : found) places.push_back(std::move(one));
  std::ranges::sort(places, [](const place& a, const place& b) { return a.bytes > b.bytes; });
  is_inside = false;
  return places;
}

}  // namespace bench

extern "C" {

void* malloc(std::size_t bytes) noexcept {
  void* address = __libc_malloc(bytes);
  bench::note_taken(address, bytes);
  return address;
}

void free(void* address) noexcept {
  bench::note_freed(address);
  __libc_free(address);
}

void* calloc(std::size_t count, std::size_t bytes) noexcept {
  void* address = __libc_calloc(count, bytes);
  bench::note_taken(address, count * bytes);
  return address;
}

// The old block is forgotten first: another thread may be given it at once.
void* realloc(void* old, std::size_t bytes) noexcept {
  bench::note_freed(old);
  void* address = __libc_realloc(old, bytes);
  bench::note_taken(address, bytes);
  return address;
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  void* address = __libc_memalign(alignment, bytes);
  bench::note_taken(address, bytes);
  return address;
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return memalign(alignment, bytes);
}

int posix_memalign(void** into, std::size_t alignment, std::size_t bytes) noexcept {
  void* address = memalign(alignment, bytes);
  if (address == nullptr) return ENOMEM;
  *into = address;
  return 0;
}
}
