// Standard output, standard error and the progress line, which may all be one terminal.
//
// What is written is buffered until flush(), at most on one of the two at a time, so that their
// order is kept. Writing waits for a slow reader, but an interrupt ends that wait: whatever keeps
// the output, a stop is never kept from the remote commands.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "execo/log.hpp"
#include "interrupts.hpp"

namespace execo::cli {

/// One descriptor that is written to.
class output {
 public:
  output(int fd, const stop_flag& stop);

  bool terminal() const noexcept { return terminal_; }
  /// The errno that ended it; 0 while it works.
  int error() const noexcept { return error_; }
  bool empty() const noexcept { return buffer_.empty(); }
  void write(std::string_view bytes);
  void flush() {
    if (worth_trying()) send(false);
  }
  /// The last flush: once interrupted it waits for the reader a little longer, then gives up.
  void finish() { send(true); }

 private:
  bool worth_trying() const;
  void send(bool last);
  void note_refusal() noexcept;
  bool wait_until_writable(std::chrono::steady_clock::time_point patience, bool last);

  const stop_flag& stop_;
  std::string buffer_;
  // After a reader that does not read, and is not waited for, refused what there was:
  std::size_t refused_size_ = 0;  // 0: it did not
  std::chrono::steady_clock::time_point refused_at_{};
  int fd_;
  int error_ = 0;
  bool terminal_;
  bool regular_;  // a file never makes its writer wait for a reader
};

class console {
 public:
  /// `color`: of the names of hosts before lines.
  explicit console(const stop_flag& stop, int out = 1, int err = 2)
      : console(stop, color_mode::never, out, err) {}
  console(const stop_flag& stop, color_mode color, int out = 1, int err = 2);

  /// Bytes of hosts: control characters are made visible when they would reach a terminal.
  void out(std::string_view bytes);
  void err(std::string_view bytes);
  /// "host: line" on either.
  void out_line(std::string_view host, std::string_view line) {
    labelled(out_, err_, out_colors_, host, line);
  }
  void err_line(std::string_view host, std::string_view line) {
    labelled(err_, out_, err_colors_, host, line);
  }
  /// Bytes that are fit for any terminal.
  void out_plain(std::string_view bytes) { put(out_, err_, bytes); }
  void err_plain(std::string_view bytes) { put(err_, out_, bytes); }
  /// A message of our own: "execo: line" on standard error, on one line whatever it quotes.
  void note(std::string_view line);
  /// Shows the progress line in place of the one before. Erased by whatever is written next.
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

  output out_;
  output err_;
  bool out_colors_;
  bool err_colors_;
  bool progress_shown_ = false;
};

}  // namespace execo::cli
