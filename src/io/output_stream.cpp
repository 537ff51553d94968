#include "io/output_stream.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/contain.hpp"

namespace execo::detail {

void output_stream::configure(const sink_spec* spec, std::size_t default_cap, int inherited) {
  if (spec == nullptr) {
    capture_.configure(default_cap);
  } else if (spec->what == sink_spec::kind::tee) {
    for (const auto& part : spec->parts) add(*part, default_cap, inherited);
  } else {
    add(*spec, default_cap, inherited);
  }
}

void output_stream::add(const sink_spec& spec, std::size_t default_cap, int inherited) {
  switch (spec.what) {
    case sink_spec::kind::capture:
      if (spec.beyond != overflow_kind::block)
        return capture_.configure(spec, default_cap, loop_, *this);
      left_to_ = left_to::reader_and_result;
      queue_.set_room(std::max<std::size_t>(spec.cap.value_or(default_cap), 1));
      return queue_.begin_reading();
    case sink_spec::kind::pipe:
      left_to_ = left_to::reader;
      return queue_.begin_reading();
    case sink_spec::kind::merged:
      return;
    default:
      return sinks_.add(spec, inherited, loop_, *this);
  }
}

output_file* output_stream::sole_file() noexcept {
  bool others = capture_.configured() || left_to_ != left_to::capture;
  return others ? nullptr : sinks_.sole_file();
}

std::error_code output_stream::open(std::string& context) {
  return direct_ ? std::error_code() : sinks_.open(context);
}

void output_stream::take(std::span<const char> bytes) {
  total_ += bytes.size();
  if (starved()) return;
  contain(
      [&] {
        keep(bytes);
        note(sinks_.take(bytes));
      },
      [this](const std::exception_ptr& error) { starve(error); });
  if (sinks_.has_handlers())
    contain([&] { sinks_.notify(bytes); },
            [this](const std::exception_ptr& error) { drop_handlers(error); });
  queue_.wake();
}

// What is kept stays the beginning of the stream.
void output_stream::starve(const std::exception_ptr& error) noexcept {
  passed_on_ = passed_on::no_more;
  owner_.on_stream_failed(error_of(error), {});
}

void output_stream::keep(std::span<const char> bytes) {
  bytes = capture_.take_head(bytes);
  if (!bytes.empty()) keep_beyond(bytes);
}

void output_stream::keep_beyond(std::span<const char> bytes) {
  note(queue_.take(bytes, draining_now_));
  note(capture_.take_beyond(bytes));
  if (capture_.ends_the_run())
    owner_.on_stream_failed(std::make_error_code(std::errc::file_too_large),
                            "more than " + std::to_string(capture_.cap()) + " bytes of output");
}

// A handler is the caller's code: its exception ends the run, not the loop.
void output_stream::drop_handlers(const std::exception_ptr& error) noexcept {
  sinks_.drop_handlers();
  std::string context;
  contain(
      [&] {
        context = "a handler of output threw";
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& e) {
          context += std::string(": ") + e.what();
        } catch (...) {
        }
      },
      [](const std::exception_ptr&) {});
  owner_.on_stream_failed(error_of(error), std::move(context));
}

void output_stream::end() noexcept {
  if (ended_) return;
  ended_ = true;
  contain([this] { sinks_.notify_end(); },
          [this](const std::exception_ptr& error) { drop_handlers(error); });
  queue_.wake();
}

bool output_stream::is_backpressured() const noexcept {
  return !draining_now_ && (queue_.full() || sinks_.full() || capture_.full());
}

void output_stream::give_up() noexcept {
  note(flushed());
  sinks_.give_up();
  capture_.give_up();
}

std::uint64_t output_stream::dropped() const noexcept {
  if (left_to_ == left_to::capture && !capture_.configured()) return 0;
  if (starved()) return total_ - std::min<std::uint64_t>(total_, capture_.size());
  return left_to_ == left_to::capture ? capture_.dropped() : queue_.dropped();
}

std::error_code output_stream::finalize(bool whole, std::string& context) {
  std::error_code first;
  contain(
      [this] {
        capture_.complete();
        if (bounds_the_pipe()) capture_.replace(queue_.unread());
      },
      [&](const std::exception_ptr& error) {
        first = error_of(error);
        note(false);
        if (bounds_the_pipe()) queue_.note_unread_dropped();
      });
  capture_.charge_exactly();
  auto finish = [&](output_file& file) {
    std::error_code why = file.finalize(whole);
    if (!why || first) return;
    first = why;
    context = "rename to " + file.name();
  };
  for (const auto& file : sinks_.files()) finish(*file);
  if (output_file* spilled = capture_.file()) finish(*spilled);
  return first;
}

void output_stream::consume(std::size_t count) {
  queue_.consume(count);
  owner_.on_stream_moved();
}

void output_stream::wait(delegate<> waiter, std::size_t wanted) noexcept {
  queue_.wait(waiter, wanted);
  owner_.on_stream_moved();
}

}  // namespace execo::detail
