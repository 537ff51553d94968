// Where an output goes in addition to the result: files and descriptors, and handlers of the
// caller's.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "io/line_splitter.hpp"
#include "io/output_file.hpp"
#include "io/stdio_spec.hpp"

namespace execo::detail {

class output_sinks {
 public:
  /// `inherited`: our own stream of that number. Pre: it is no capture, pipe, tee or merged.
  void add(const sink_spec& spec, int inherited, loop& on, output_file_owner& owner);
  /// The only sink, if it is a file or a descriptor; else null.
  output_file* sole_file() noexcept;

  // -- files --------------------------------------------------------------------------------------
  /// {} or why not; the context says which failed.
  std::error_code open(std::string& context);
  /// False: one did not take them all, though it has not failed.
  bool take(std::span<const char> bytes);
  bool full() const noexcept;
  bool flushed() const noexcept;
  bool busy() const noexcept;
  void give_up() noexcept;
  std::span<const std::unique_ptr<output_file>> files() const noexcept;

  // -- handlers -----------------------------------------------------------------------------------
  bool has_handlers() const noexcept {
    return all_ && (!all_->handlers.empty() || !all_->lines.empty());
  }
  /// Calls them. Throws: what they throw.
  void notify(std::span<const char> bytes);
  void notify_end();
  void drop_handlers() noexcept;

 private:
  using handler = std::function<void(std::string_view)>;
  struct line_sink {
    const handler* call;
    line_splitter splitter;
  };

  struct parts {
    std::vector<std::unique_ptr<output_file>> files;
    std::vector<const handler*> handlers;
    std::vector<std::unique_ptr<line_sink>> lines;
  };

  std::unique_ptr<parts> all_;  // null: there are none, as with most commands
};

}  // namespace execo::detail
