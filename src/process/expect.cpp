#include "execo/expect.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "base/contain.hpp"
#include "loop/loop.hpp"
#include "process/process_access.hpp"
#include "process/regex.hpp"

namespace execo {
namespace {

// The kernel may bring that much at once beyond what was asked for.
constexpr std::size_t one_receive = 64 * 1024;

}  // namespace

namespace detail {

expect_op::expect_op(expect_state& state, duration limit, mode how) noexcept
    : state_(&state),
      limit_(limit),
      mode_(how),
      timer_(delegate<>::to<&expect_op::expire>(this), "of an expect") {}

expect_op::expect_op(expect_op&& other) noexcept
    : operation(std::move(other)),
      state_(other.state_),
      limit_(other.limit_),
      mode_(other.mode_),
      timer_(delegate<>::to<&expect_op::expire>(this), "of an expect") {}

loop& expect_op::bind(loop* affinity) { return loop_of_run(*state_->run, affinity); }

output_stream& expect_op::from() const noexcept {
  return run_of(*state_->run).output(state_->from_stream);
}

void expect_op::on_start(bool stopped) noexcept {
  contain([&] { begin_search(stopped); }, [this](const std::exception_ptr&) { starve(); });
}

void expect_op::starve() noexcept {
  from().leave();
  finish(end::no_memory);
}

void expect_op::begin_search(bool stopped) {
  output_stream& stream = from();
  if (stream.awaited()) return finish(end::busy);
  // What asks only for what is there ends here, and is not worth a stop.
  if (stopped && limit_ > duration::zero()) return finish(end::cancelled);
  stream.begin_reading();
  if (state_->skip) {
    state_->skip = false;
    stream.consume(stream.unread().size());
  }
  if (stream.direct()) return finish(end::elsewhere);
  if (try_end(stream)) return;
  if (limit_ <= duration::zero()) return end_unmatched(stream, expect_end::timed_out);
  if (limit_ != duration::max()) work().arm_after(timer_, limit_);
  wait(stream);
}

void expect_op::on_stop() noexcept {
  from().leave();
  finish(end::cancelled);
}

void expect_op::expire() noexcept {
  output_stream& stream = from();
  stream.leave();
  contain([&] { end_unmatched(stream, expect_end::timed_out); },
          [this](const std::exception_ptr&) { starve(); });
}

void expect_op::on_readable() noexcept {
  output_stream& stream = from();
  // The command may have been found impossible to start only now.
  if (stream.direct()) return finish(end::elsewhere);
  contain(
      [&] {
        if (!try_end(stream)) wait(stream);
      },
      [this](const std::exception_ptr&) { starve(); });
}

void expect_op::wait(output_stream& stream) noexcept {
  stream.wait(delegate<>::to<&expect_op::on_readable>(this), state_->most + one_receive);
}

bool expect_op::try_end(output_stream& stream) {
  if (stream.starved()) throw std::bad_alloc();
  do {
    if (find(stream)) return true;
    if (stream.ended()) {
      if (stream.has_gap() && !std::exchange(state_->gap_counted, true))
        state_->dropped += stream.total() - stream.position() - stream.unread().size();
      end_unmatched(stream, expect_end::end_of_stream);
      return true;
    }
  } while (make_room(stream));
  return false;
}

namespace {

/// What incremental_search asks for.
template <class Entries>
class compiled_patterns {
 public:
  explicit compiled_patterns(const Entries& entries) noexcept : entries_(entries) {}
  std::size_t size() const noexcept { return entries_.size(); }
  const regex& operator[](std::size_t i) const noexcept { return *entries_[i].what; }

 private:
  const Entries& entries_;
};

}  // namespace

bool expect_op::find(output_stream& stream) {
  std::string_view text = stream.unread();
  if (text.empty()) return false;
  // For ^ and \b, which ask what stands before.
  std::size_t context = stream.has_byte_before() ? 1 : 0;
  text = std::string_view(text.data() - context, text.size() + context);
  compiled_patterns compiled(state_->all.entries_);
  if (!state_->search.find(compiled, text, context, stream.position())) return false;
  end_matched(stream, context);
  return true;
}

void expect_op::end_matched(output_stream& stream, std::size_t context) {
  const text_match& found = state_->search.found();
  std::string_view unread = stream.unread();
  std::size_t begin = found.ranges[0].begin - context;
  std::size_t match_end = found.ranges[0].end - context;
  std::size_t kept_from = begin > state_->most ? begin - state_->most : 0;
  result_.how_ = expect_end::matched;
  result_.bytes_ = unread.substr(kept_from, match_end - kept_from);
  result_.match_ = found;
  for (std::size_t i = 0; i < found.count; ++i) {
    text_range& range = result_.match_.ranges[i];
    if (range.begin == text_range::none) continue;
    range.begin -= context + kept_from;
    range.end -= context + kept_from;
  }
  result_.what_ = state_->all.entries_[found.pattern].what;
  result_.position_ = stream.position() + begin;
  result_.dropped_ = state_->dropped + kept_from;
  if (mode_ == mode::take) {
    state_->dropped = 0;
    stream.consume(match_end);
    state_->search.restart(stream.position());
  }
  finish(end::good);
}

void expect_op::end_unmatched(output_stream& stream, expect_end how) {
  std::string_view unread = stream.unread();
  std::size_t kept_from = unread.size() - std::min(unread.size(), state_->most);
  result_.how_ = how;
  result_.bytes_ = unread.substr(kept_from);
  result_.position_ = stream.position() + unread.size();
  result_.dropped_ = state_->dropped + kept_from;
  if (mode_ == mode::take) state_->dropped = 0;
  finish(end::good);
}

bool expect_op::make_room(output_stream& stream) noexcept {
  std::size_t size = stream.unread().size();
  if (stream.has_gap()) {
    // What follows does not follow these.
    if (size > 0) drop(stream, size);
    std::uint64_t before = stream.position();
    (void)stream.take_gap();
    state_->dropped += stream.position() - before;
    return true;
  }
  if (size > state_->most) drop(stream, size - state_->most);
  return false;
}

void expect_op::drop(output_stream& stream, std::size_t count) noexcept {
  state_->dropped += count;
  stream.consume(count);
}

void expect_op::finish(end how) noexcept {
  work().disarm(timer_);
  end_ = how;
  complete();
}

expect_result expect_op::await_resume() {
  switch (end_) {
    case end::good:
      break;
    case end::cancelled:
      throw operation_cancelled();
    case end::busy:
      throw std::logic_error("two reads or searches of one stream at a time");
    case end::elsewhere:
      throw std::logic_error("a stream that goes elsewhere has nothing to expect");
    case end::no_memory:
      throw std::bad_alloc();
  }
  if (result_.matched() && mode_ == mode::take) {
    const patterns::handler& call = state_->all.entries_[result_.index()].call;
    if (call) call(result_);
  }
  return std::move(result_);
}

}  // namespace detail

std::string_view to_string(expect_end how) noexcept {
  switch (how) {
    case expect_end::matched:
      return "matched";
    case expect_end::timed_out:
      return "timed_out";
    default:
      return "end_of_stream";
  }
}

std::string_view expect_result::text() const noexcept {
  if (!matched()) return {};
  return std::string_view(bytes_).substr(match_.ranges[0].begin);
}

std::string_view expect_result::before() const noexcept {
  if (!matched()) return bytes_;
  return std::string_view(bytes_).substr(0, match_.ranges[0].begin);
}

std::optional<std::string_view> expect_result::group(std::size_t n) const {
  if (!matched() || n >= match_.count) throw std::out_of_range("no such group in what matched");
  const detail::text_range& range = match_.ranges[n];
  if (range.begin == detail::text_range::none) return std::nullopt;
  return std::string_view(bytes_).substr(range.begin, range.end - range.begin);
}

std::optional<std::string_view> expect_result::group(std::string_view name) const {
  std::optional<std::size_t> n;
  if (matched()) n = what_->group_named(name);
  if (!n) throw std::out_of_range("no group '" + std::string(name) + "' in what matched");
  return group(*n);
}

patterns& patterns::on(std::string_view regex, handler call) & {
  entries_.push_back({std::make_shared<const detail::regex>(regex), std::move(call)});
  return *this;
}

patterns&& patterns::on(std::string_view regex, handler call) && {
  return std::move(on(regex, std::move(call)));
}

expect::expect(reader from, patterns what)
    : state_(std::move(from.state_), from.which_, std::move(what)) {}

expect& expect::on(std::string_view regex, patterns::handler call) & {
  state_.all.on(regex, std::move(call));
  state_.search.forget();
  return *this;
}
expect&& expect::on(std::string_view regex, patterns::handler call) && {
  return std::move(on(regex, std::move(call)));
}

expect& expect::backtrack(std::size_t bytes) & {
  state_.search.set_backtrack(bytes);
  return *this;
}
expect&& expect::backtrack(std::size_t bytes) && { return std::move(backtrack(bytes)); }

expect& expect::max_buffer(std::size_t bytes) & {
  state_.most = bytes;
  return *this;
}
expect&& expect::max_buffer(std::size_t bytes) && { return std::move(max_buffer(bytes)); }

expect& expect::from_now() & {
  state_.skip = true;
  return *this;
}
expect&& expect::from_now() && { return std::move(from_now()); }

expect::next_op expect::next(duration limit) {
  return {state_, limit, detail::expect_op::mode::take};
}
expect::next_op expect::look(duration limit) {
  return {state_, limit, detail::expect_op::mode::look};
}

}  // namespace execo
