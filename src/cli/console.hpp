// Standard output, standard error and the progress line, which may all be one terminal.
//
// Output is buffered until flush(), for only one of the two at a time, which keeps their order.
// Writing waits for a slow reader, but an interrupt ends that wait: a stalled reader never delays
// the stop of the remote commands. A question on the terminal keeps what goes there until it is
// answered, unless that is much.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "execo/log.hpp"
#include "interrupts.hpp"
#include "terminal_turn.hpp"

namespace execo::cli {

/// Buffered output to one descriptor.
class output {
 public:
  output(int fd, const stop_flag& stop, terminal_turn& turn);

  bool terminal() const noexcept { return terminal_; }
  /// The errno of the write that failed; 0 if none has.
  int error() const noexcept { return error_; }
  bool empty() const noexcept { return buffer_.empty(); }
  void write(std::string_view bytes);
  void flush() {
    if (worth_trying()) send(false);
  }
  /// The last flush: after an interrupt it waits a little longer for the reader, then gives up.
  void finish() { send(true); }

 private:
  bool worth_trying() const;
  void send(bool last);
  void note_refusal() noexcept;
  /// Pre: it is a terminal.
  std::unique_lock<std::recursive_mutex> take_turn(bool last) const;
  bool wait_until_writable(std::chrono::steady_clock::time_point deadline, bool last);

  const stop_flag& stop_;
  terminal_turn& turn_;
  std::string buffer_;
  // After an interrupt, when the reader did not take all of the buffer:
  std::size_t refused_size_ = 0;  // what was left; 0: nothing
  std::chrono::steady_clock::time_point refused_at_{};
  int fd_;
  int error_ = 0;
  bool terminal_;
  bool regular_;  // writing to a file never waits for a reader
};

class console {
 public:
  /// `color`: whether host names before lines are coloured.
  explicit console(const stop_flag& stop, int out = 1, int err = 2)
      : console(stop, color_mode::never, out, err) {}
  console(const stop_flag& stop, color_mode color, int out = 1, int err = 2);
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  /// For who asks the user.
  terminal_turn& turn() noexcept { return turn_; }

  /// Bytes from hosts: control characters are made visible if they go to a terminal.
  void out(std::string_view bytes);
  void err(std::string_view bytes);
  /// "host: line" on either; without a host the line alone.
  void out_line(std::string_view host, std::string_view line) {
    labelled(out_, err_, out_colors_, host, line);
  }
  void err_line(std::string_view host, std::string_view line) {
    labelled(err_, out_, err_colors_, host, line);
  }
  /// Bytes that are safe for any terminal.
  void out_plain(std::string_view bytes) { put(out_, err_, bytes); }
  void err_plain(std::string_view bytes) { put(err_, out_, bytes); }
  /// A message of the tool: "execo: line" on standard error, always on one line.
  void note(std::string_view line);
  /// Replaces the progress line. The next write erases it.
  void progress(std::string_view line);

  void flush();
  void finish();

  bool out_is_terminal() const noexcept { return out_.terminal(); }
  bool err_is_terminal() const noexcept { return err_.terminal(); }
  int out_error() const noexcept { return out_.error(); }

 private:
  void put(output& to, output& other, std::string_view bytes);
  void labelled(output& to, output& other, bool colors, std::string_view host,
                std::string_view line);
  void erase_progress();

  terminal_turn turn_;
  output out_;
  output err_;
  bool out_colors_;
  bool err_colors_;
};

}  // namespace execo::cli
