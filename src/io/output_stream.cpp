#include "io/output_stream.hpp"

#include <algorithm>
#include <cassert>
#include <exception>
#include <utility>

#include "base/contain.hpp"

namespace execo::detail {

void output_stream::configure(const sink_spec* spec, std::size_t default_cap, int inherited) {
  if (spec == nullptr) {
    cap_ = default_cap;
    rest_ = rest::drop;
  } else if (spec->what == sink_spec::kind::tee) {
    for (const auto& part : spec->parts) add(*part, default_cap, inherited);
  } else {
    add(*spec, default_cap, inherited);
  }
}

void output_stream::add(const sink_spec& spec, std::size_t default_cap, int inherited) {
  auto file = [&]() -> output_file& {
    files_.push_back(std::make_unique<output_file>(loop_, static_cast<output_file_owner&>(*this)));
    return *files_.back();
  };
  switch (spec.what) {
    case sink_spec::kind::capture:
      cap_ = spec.cap.value_or(default_cap);
      rest_ = rest::drop;
      if (spec.beyond == overflow_kind::kill) rest_ = rest::end;
      if (spec.beyond == overflow_kind::head_and_tail) {
        rest_ = rest::tail;
        tail_cap_ = cap_ / 2;
        cap_ -= tail_cap_;
      } else if (spec.beyond == overflow_kind::block) {
        rest_ = rest::queue;
        room_ = std::max<std::size_t>(cap_, 1);
        cap_ = 0;
        keep_unread_ = true;
      } else if (spec.beyond == overflow_kind::spill) {
        rest_ = rest::file;
        spill_ = std::make_unique<output_file>(loop_, static_cast<output_file_owner&>(*this));
        spill_->use(spec.path, file_target::mode::replace);
      }
      return;
    case sink_spec::kind::pipe:
      rest_ = rest::queue;
      return;
    case sink_spec::kind::inherit:
      return file().use(lent_fd{inherited, inherited});
    case sink_spec::kind::fd:
      return file().use(spec.fd);
    case sink_spec::kind::null:
      return file().use(file_path{"/dev/null", {}, {}}, file_target::mode::replace);
    case sink_spec::kind::file:
      return file().use(spec.path, file_target::mode::replace);
    case sink_spec::kind::append:
      return file().use(spec.path, file_target::mode::append);
    case sink_spec::kind::callback:
      handlers_.push_back(&spec.handler);
      return;
    case sink_spec::kind::lines:
      lines_.push_back(std::make_unique<line_sink>());
      lines_.back()->handler = &spec.handler;
      return;
    case sink_spec::kind::tee:
    case sink_spec::kind::merged:
      return;
  }
}

output_file* output_stream::sole_file() noexcept {
  bool others = rest_ != rest::ignore || !handlers_.empty() || !lines_.empty();
  return files_.size() == 1 && !others ? files_.front().get() : nullptr;
}

std::error_code output_stream::open(std::string& context) {
  if (direct_) return {};
  for (const auto& file : files_) {
    std::error_code why = file->open();
    if (!why) continue;
    context = "open " + file->name();
    return why;
  }
  return {};
}

void output_stream::take(std::span<const char> bytes) {
  total_ += bytes.size();
  if (starved_) return count_what_is_not_kept();
  contain(
      [&] {
        keep(bytes);
        for (const auto& file : files_) complete_ &= file->take(bytes);
      },
      [this](const std::exception_ptr& error) { starve(error); });
  if (!handlers_.empty() || !lines_.empty()) notify_handlers(bytes);
  wake_reader();
}

// What is kept stays the beginning of the stream.
void output_stream::starve(const std::exception_ptr& error) noexcept {
  starved_ = true;
  complete_ = false;
  count_what_is_not_kept();
  owner_.on_stream_failed(error_of(error), {});
}

void output_stream::count_what_is_not_kept() noexcept {
  if (rest_ != rest::ignore) dropped_ = total_ - std::min(total_, kept_.size() + tail_.size());
}

void output_stream::keep(std::span<const char> bytes) {
  if (!past_) {
    std::size_t taken = std::min(cap_ - kept_.size(), bytes.size());
    kept_.append(bytes.data(), taken);
    bytes = bytes.subspan(taken);
  }
  if (!bytes.empty()) keep_rest(bytes);
}

void output_stream::keep_rest(std::span<const char> bytes) {
  if (!past_) {
    past_ = true;
    if (reading_ || rest_ == rest::queue) {
      std::size_t from = cursor_ > 0 ? cursor_ - 1 : 0;
      unread_ = kept_.substr(from);
      cursor_ -= from;
      queued_ = true;
    }
  }
  if (queued_) queue(bytes);
  if (!queued_) gap_ = true;
  switch (rest_) {
    case rest::ignore:
    case rest::queue:
      return;
    case rest::drop:
      dropped_ += bytes.size();
      return;
    case rest::tail:
      return keep_tail(bytes);
    case rest::file:
      complete_ &= spill_->take(bytes);
      return;
    case rest::end:
      dropped_ += bytes.size();
      owner_.on_stream_failed(std::make_error_code(std::errc::file_too_large),
                              "more than " + std::to_string(cap_) + " bytes of output");
      return;
  }
}

void output_stream::keep_tail(std::span<const char> bytes) {
  if (bytes.size() >= tail_cap_) {
    dropped_ += tail_.size() + bytes.size() - tail_cap_;
    bytes = bytes.last(tail_cap_);
    tail_.assign(bytes.data(), bytes.size());
    tail_at_ = 0;
    return;
  }
  std::size_t first = std::min(tail_cap_ - tail_.size(), bytes.size());
  tail_.append(bytes.data(), first);
  bytes = bytes.subspan(first);
  dropped_ += bytes.size();
  while (!bytes.empty()) {
    std::size_t part = std::min(tail_cap_ - tail_at_, bytes.size());
    std::copy_n(bytes.data(), part, tail_.data() + tail_at_);
    tail_at_ = (tail_at_ + part) % tail_cap_;
    bytes = bytes.subspan(part);
  }
}

void output_stream::queue(std::span<const char> bytes) {
  if (draining_now_) {
    std::size_t waiting = unread_.size() - cursor_;
    std::size_t most = std::max(room_, wanted_) + hurried_room;
    std::size_t taken = std::min(most - std::min(most, waiting), bytes.size());
    if (taken < bytes.size()) {
      complete_ = false;
      if (rest_ == rest::queue) dropped_ += bytes.size() - taken;
    }
    bytes = bytes.first(taken);
  }
  if (cursor_ > reader_room && cursor_ > unread_.size() / 2) {
    unread_.erase(0, cursor_ - 1);
    cursor_ = 1;
  }
  unread_.append(bytes.data(), bytes.size());
}

// A handler is the caller's code: its exception ends the run, not the loop.
void output_stream::drop_handlers(const std::exception_ptr& error) noexcept {
  handlers_.clear();
  lines_.clear();
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

void output_stream::notify_handlers(std::span<const char> bytes) {
  contain(
      [&] {
        for (const auto* handler : handlers_)
          (*handler)(std::string_view(bytes.data(), bytes.size()));
        for (const auto& l : lines_)
          l->splitter.feed(bytes, [&](std::string_view line, bool) { (*l->handler)(line); });
      },
      [this](const std::exception_ptr& error) { drop_handlers(error); });
}

void output_stream::end() noexcept {
  if (ended_) return;
  ended_ = true;
  contain(
      [&] {
        for (const auto& l : lines_)
          l->splitter.finish([&](std::string_view line, bool) { (*l->handler)(line); });
      },
      [this](const std::exception_ptr& error) { drop_handlers(error); });
  wake_reader();
}

bool output_stream::holds_back() const noexcept {
  if (draining_now_) return false;
  if (queued_ || rest_ == rest::queue) {
    if (unread_.size() - cursor_ >= std::max(room_, wanted_)) return true;
  }
  for (const auto& file : files_)
    if (file->full()) return true;
  return spill_ && spill_->full();
}

bool output_stream::flushed() const noexcept {
  for (const auto& file : files_)
    if (!file->flushed()) return false;
  return !spill_ || spill_->flushed();
}

void output_stream::give_up() noexcept {
  if (!flushed()) complete_ = false;
  for (const auto& file : files_) file->give_up();
  if (spill_) spill_->give_up();
}

bool output_stream::busy() const noexcept {
  for (const auto& file : files_)
    if (file->busy()) return true;
  return spill_ && spill_->busy();
}

void output_stream::complete_kept() {
  if (!tail_.empty()) {
    kept_.reserve(kept_.size() + tail_.size());
    kept_.append(tail_, tail_at_);
    kept_.append(tail_, 0, tail_at_);
    tail_ = std::string();
  }
  if (keep_unread_) kept_ = unread_.substr(cursor_);
}

std::error_code output_stream::finalize(bool whole, std::string& context) {
  std::error_code first;
  contain([this] { complete_kept(); },
          [&](const std::exception_ptr& error) {
            first = error_of(error);
            complete_ = false;
            tail_.clear();
            count_what_is_not_kept();
          });
  auto finish = [&](output_file& file) {
    std::error_code why = file.finalize(whole);
    if (!why || first) return;
    first = why;
    context = "rename to " + file.name();
  };
  for (const auto& file : files_) finish(*file);
  if (spill_ && past_) finish(*spill_);
  return first;
}

bool output_stream::take_gap() noexcept {
  assert(unread().empty());
  if (!gap_) return false;
  gap_ = false;
  queued_ = true;
  unread_.clear();
  cursor_ = 0;
  position_ = total_;
  return true;
}

std::string_view output_stream::unread() const noexcept {
  const std::string& from = queued_ ? unread_ : kept_;
  std::string_view all = from;
  // finalize() adds a tail that does not follow what was read.
  if (!queued_) all = all.substr(0, cap_);
  return all.substr(std::min(cursor_, all.size()));
}

void output_stream::consume(std::size_t count) {
  cursor_ += count;
  position_ += count;
  if (queued_ && cursor_ > 1 && cursor_ == unread_.size()) {
    unread_.erase(0, cursor_ - 1);
    cursor_ = 1;
  }
  owner_.on_stream_moved();
}

void output_stream::wait(delegate<> waiter, std::size_t wanted) noexcept {
  assert(!awaited());
  waiter_ = waiter;
  wanted_ = wanted;
  owner_.on_stream_moved();
}

void output_stream::leave() noexcept {
  waiter_ = {};
  wanted_ = 0;
}

void output_stream::wake_reader() noexcept {
  if (!waiter_) return;
  delegate<> waiter = waiter_;
  leave();
  waiter();
}

}  // namespace execo::detail
