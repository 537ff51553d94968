// What sinks and sources say, for those who carry it out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "execo/stdio.hpp"
#include "io/file_path.hpp"

namespace execo::detail {

class shared_input;

/// A descriptor of ours that the one start which takes it closes.
class handed_fd {
 public:
  explicit handed_fd(unique_fd fd) noexcept : fd_(std::move(fd)) {}
  int number() const noexcept { return fd_.get(); }
  unique_fd take() noexcept { return std::move(fd_); }

 private:
  unique_fd fd_;
};

/// A descriptor of the caller's, or one that is handed over.
struct lent_fd {
  int number = -1;  // once it was taken, of ours for the same open file
  int given = -1;   // the caller's, for a message
  std::shared_ptr<handed_fd> handed = nullptr;
};

enum class overflow_kind : std::uint8_t { head, head_and_tail, block, kill, spill };

class sink_spec {
 public:
  enum class kind : std::uint8_t {
    capture,
    pipe,
    inherit,
    null,
    file,
    kept_file,  // has its name even if it is not complete
    append,
    fd,
    callback,
    lines,
    tee,
    merged,
  };
  explicit sink_spec(kind k) : what(k) {}

  kind what;
  std::optional<std::size_t> cap;  // of a capture; none: the command's max_output()
  overflow_kind beyond = overflow_kind::head;
  file_path path;  // of a file, a kept file, an append, a spill
  lent_fd fd;
  std::function<void(std::string_view)> handler;
  std::vector<std::shared_ptr<const sink_spec>> parts;  // of a tee, none of them a tee
};

/// Whether it is of no use without a reader.
inline bool needs_reader(const sink_spec& spec) {
  if (spec.what == sink_spec::kind::pipe) return true;
  for (const auto& part : spec.parts)
    if (needs_reader(*part)) return true;
  return false;
}

/// Calls `visit` with each part that has a path, in their order: a file, an append, a spill.
template <class Visit>
void visit_files(const sink_spec& spec, Visit&& visit) {
  if (!spec.path.text.empty()) visit(spec);
  for (const auto& part : spec.parts) visit_files(*part, visit);
}

class source_spec {
 public:
  enum class kind : std::uint8_t { null, inherit, pipe, text, file, fd, shared };
  explicit source_spec(kind k) : what(k) {}

  kind what;
  std::string bytes;  // of a text
  file_path path;
  lent_fd fd;
  std::shared_ptr<shared_input> input;
};

struct stdio_access {
  /// Null: the default.
  static const sink_spec* of(const sink& s) noexcept { return s.spec_.get(); }
  static const std::shared_ptr<const sink_spec>& shared(const sink& s) noexcept { return s.spec_; }
  static const std::shared_ptr<const source_spec>& shared(const source& s) noexcept {
    return s.spec_;
  }
  static const source_spec* of(const source& s) noexcept { return s.spec_.get(); }
  /// Those of one start alone, which closes what it was handed.
  static sink hand_over_sink(unique_fd fd);
  static source hand_over_source(unique_fd fd);
  static sink make(std::shared_ptr<const sink_spec> spec) { return sink(std::move(spec)); }
  static source make(std::shared_ptr<const source_spec> spec) { return source(std::move(spec)); }
  static overflow_kind kind_of(const overflow& o) noexcept {
    return static_cast<overflow_kind>(o.kind_);
  }
  static const std::string& path_of(const overflow& o) noexcept { return o.path_; }
  static overflow make_spill(std::string path) {
    return overflow(overflow::kind::spill, std::move(path));
  }
};

}  // namespace execo::detail
