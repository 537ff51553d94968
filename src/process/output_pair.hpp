// The two outputs of a command: where each goes, what of it is open, and back-pressure on the
// transport that brings it.
#pragma once

#include <array>
#include <string>
#include <system_error>

#include "io/output_stream.hpp"
#include "process/result_access.hpp"
#include "process/taken_stdio.hpp"
#include "process/transport.hpp"

namespace execo::detail {

class output_pair {
 public:
  output_pair(loop& on, transport& from, output_stream_owner& owner, result& into) noexcept
      : transport_(from),
        result_(into),
        out_(on, owner, into.out, result_access::charge(into)),
        err_(on, owner, into.err, result_access::charge(into)) {}

  /// Lets the transport give what it can to the command, and opens the rest here. `observed`: all
  /// of it has to come through us. {} or why not; the context says what. Pre: the transport is not
  /// open.
  std::error_code set_up(const taken_stdio& stdio, const command& what, bool observed,
                         std::string& context);
  /// Also after the end.
  output_stream& of(stream which) noexcept { return which == stream::out ? out_ : err_; }

  void take(stream which, std::span<const char> bytes) { sink_of(which).take(bytes); }
  /// Nothing more comes on it.
  void end(stream which) noexcept;
  /// The command, or what it left behind, may write more.
  bool open() const noexcept { return open_[0] || open_[1]; }
  /// Nothing more comes, and nothing waits to be written to a file.
  bool through() const noexcept { return !open() && out_.flushed() && err_.flushed(); }
  /// The transport does not read one of them, because of us.
  bool paused() const noexcept { return paused_[0] || paused_[1]; }

  /// Back-pressure by an observer.
  void hold(stream which, bool holds) noexcept { held_[index(which)] = holds; }
  /// Passes back-pressure on to the transport, as far as it has changed.
  void update_flow();
  /// The command has ended or is being ended: what finds no room is dropped from now on.
  void drain_now();

  void give_up() noexcept {
    out_.give_up();
    err_.give_up();
  }
  bool busy() const noexcept { return out_.busy() || err_.busy(); }
  /// When all is over: completes the result's outputs and counts. `whole`: the command came to an
  /// end of its own. Failures of sinks go to the owner.
  void finalize(bool whole, output_stream_owner& owner);

 private:
  static std::size_t index(stream which) noexcept { return which == stream::out ? 0 : 1; }
  output_stream& sink_of(stream which) noexcept {
    return which == stream::out || merged_ ? out_ : err_;
  }
  void redirect(bool terminal, bool observed);

  transport& transport_;
  result& result_;
  output_stream out_;
  output_stream err_;
  std::array<bool, 2> open_{true, true};
  std::array<bool, 2> held_{};    // by an observer
  std::array<bool, 2> paused_{};  // in the transport
  bool merged_ = false;           // standard error has no stream of its own
};

}  // namespace execo::detail
