// An archive that a host sends: whatever its bytes, the reader hands on what it says and no more,
// however the bytes are cut, and names that lead elsewhere make no file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "transfer/get_script.hpp"
#include "transfer/mark_reader.hpp"
#include "transfer/put_script.hpp"
#include "transfer/tar_reader.hpp"

namespace {

namespace detail = execo::detail;

void require(bool holds) {
  if (!holds) std::abort();
}

class recorder final : public detail::tar_receiver {
 public:
  detail::copy_failure on_entry(const detail::tar_entry& entry) override {
    require(left_ == 0);
    bool is_file = entry.what == detail::tar_entry::kind::file;
    require(is_file || entry.size == 0);
    left_ = entry.size;
    text += std::to_string(static_cast<int>(entry.what)) + entry.name + '>' + entry.target + ' ' +
            std::to_string(entry.size) + ' ' + std::to_string(entry.modified) + '\n';
    return {};
  }
  detail::copy_failure on_contents(std::span<const char> bytes) override {
    require(bytes.size() <= left_);
    left_ -= bytes.size();
    text.append(bytes.data(), bytes.size());
    return {};
  }
  detail::copy_failure on_contents_end() override {
    require(left_ == 0);
    text += ';';
    return {};
  }
  std::string text;

 private:
  std::uint64_t left_ = 0;
};

std::string read(std::string_view archive, std::size_t each) {
  recorder into;
  detail::tar_reader reader(into);
  while (!archive.empty() && !reader.over()) {
    std::string_view some = archive.substr(0, each);
    archive.remove_prefix(some.size());
    std::span<const char> bytes(some.data(), some.size());
    if (detail::copy_failure failed = reader.feed(bytes)) {
      into.text += "failed: " + failed.context;
      break;
    }
    require(bytes.empty() || reader.over());
  }
  return into.text;
}

void read_lines(std::string_view text) {
  detail::mark_reader lines("M");
  std::span<const char> bytes(text.data(), text.size());
  while (auto line = lines.next(bytes)) {
    (void)detail::read_put_answer(*line);
    if (auto answer = detail::read_get_answer(*line)) {
      bool is_file = answer->what == detail::get_answer::kind::file;
      require(!is_file || answer->entry.name.find('/') == std::string::npos);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read(bytes, bytes.size() + 1);
  require(read(bytes, 1) == whole);
  require(read(bytes, 513) == whole);
  read_lines(bytes);
  return 0;
}
