#include "execo/stream.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/contain.hpp"
#include "loop/post_call.hpp"
#include "process/process_access.hpp"

namespace execo {
namespace detail {

loop& stream_read::bind(loop* affinity) { return loop_of_run(*state_, affinity); }

output_stream& stream_read::from() const noexcept { return run_of(*state_).output(which_); }

void stream_read::on_start(bool stopped) noexcept {
  if (stopped) return finish(end::cancelled);
  if (from().awaited()) return finish(end::busy);
  from().begin_reading();
  on_readable();
}

void stream_read::on_stop() noexcept {
  from().leave();
  finish(end::cancelled);
}

void stream_read::on_readable() noexcept {
  output_stream& stream = from();
  if (stream.direct()) return finish(end::elsewhere);
  bool taken = false;
  contain([&] { taken = try_take(stream); },
          [&](const std::exception_ptr&) {
            taken = true;
            finish(end::no_memory);
          });
  if (taken) return;
  std::size_t wanted = unit_ == unit::piece ? 0 : most_;
  stream.wait(delegate<>::to<&stream_read::on_readable>(this), wanted);
}

bool stream_read::try_take(output_stream& stream) {
  if (stream.starved()) throw std::bad_alloc();
  std::string_view unread = stream.unread();
  bool over = stream.ended() || stream.has_gap();
  if (unread.empty()) {
    if (stream.take_gap()) {
      finish(end::gap);
    } else if (over) {
      finish(end::good);
    }
    return over;
  }
  if (unit_ == unit::line && take_line(stream, unread)) return true;
  std::size_t count = std::min(unread.size(), most_);
  if (unit_ != unit::piece && count < most_ && !over) return false;
  bytes_.emplace(unread.substr(0, count));
  stream.consume(count);
  finish(end::good);
  return true;
}

bool stream_read::take_line(output_stream& stream, std::string_view unread) {
  std::size_t length = unread.find('\n', searched_);
  searched_ = unread.size();
  if (length == unread.npos || length > most_) return false;
  std::string_view line = unread.substr(0, length);
  if (line.ends_with('\r')) line.remove_suffix(1);
  bytes_.emplace(line);
  stream.consume(length + 1);
  finish(end::good);
  return true;
}

void stream_read::finish(end how) noexcept {
  end_ = how;
  complete();
}

std::optional<std::string> stream_read::take_bytes() {
  switch (end_) {
    case end::good:
      break;
    case end::cancelled:
      throw operation_cancelled();
    case end::busy:
      throw std::logic_error("two reads of one stream at a time");
    case end::no_memory:
      throw std::bad_alloc();
    case end::gap:
      throw std::length_error("output that came before the first read was not kept");
    case end::elsewhere:
      throw std::logic_error("a stream that goes elsewhere has nothing to read");
  }
  return std::move(bytes_);
}

loop& write_op::bind(loop* affinity) { return loop_of_run(*state_, affinity); }

void write_op::on_start(bool stopped) noexcept {
  lifecycle& run = run_of(*state_);
  if (!run.input().is_fed_by_writer())
    misuse_ = "a write to a process whose source is not pipe(): give it .in(execo::pipe())";
  if (run.input().has_writer()) misuse_ = "two writes to one process at a time";
  if (stopped || misuse_ != nullptr) return complete();
  run.input().write(delegate<std::size_t, bool>::to<&write_op::on_done>(this), bytes_);
}

void write_op::on_stop() noexcept { run_of(*state_).input().stop_writing(); }

void write_op::on_done(std::size_t left, bool closed) noexcept {
  taken_ = bytes_.size() - left;
  closed_ = closed;
  complete();
}

std::size_t write_op::await_resume() const {
  if (misuse_ != nullptr) throw std::logic_error(misuse_);
  if (closed_)
    throw std::system_error(std::make_error_code(std::errc::broken_pipe),
                            "writing to the input of a process");
  return taken_;
}

}  // namespace detail

namespace {

constexpr std::size_t longest_piece = 64 * 1024;
constexpr std::size_t longest_line = std::size_t{16} << 20;

}  // namespace

detail::read_op reader::next() const { return {state_, which_, longest_piece}; }
detail::read_line_op reader::next_line() const { return {state_, which_, longest_line}; }
detail::read_all_op reader::read_all(std::size_t most) const { return {state_, which_, most}; }

detail::write_op writer::write(std::string_view bytes) const { return {state_, bytes}; }

void writer::close() const {
  (void)detail::loop_of_run(*state_, nullptr);
  auto& run = detail::run_of(*state_);
  if (run.ended()) return;
  // The reference keeps the run until the call has come through.
  detail::run_on(run.home(), [keep = state_] { detail::run_of(*keep).input().end_writing(); });
}

}  // namespace execo
