#include "process/handler_calls.hpp"

#include <utility>

#include "base/contain.hpp"
#include "execo/log.hpp"

namespace execo {

handler::~handler() = default;
void handler::on_start(const started_command&) {}
void handler::on_line(const output_line&) {}
void handler::on_end(const ended_command&) {}

namespace {

using start_call = std::function<void(const started_command&)>;
using line_call = std::function<void(const output_line&)>;
using end_call = std::function<void(const ended_command&)>;

class start_handler final : public handler {
 public:
  explicit start_handler(start_call call) : call_(std::move(call)) {}
  void on_start(const started_command& command) override { call_(command); }
  bool wants_lines() const override { return false; }

 private:
  start_call call_;
};

class line_handler final : public handler {
 public:
  explicit line_handler(line_call call) : call_(std::move(call)) {}
  void on_line(const output_line& line) override { call_(line); }

 private:
  line_call call_;
};

class end_handler final : public handler {
 public:
  explicit end_handler(end_call call) : call_(std::move(call)) {}
  void on_end(const ended_command& command) override { call_(command); }
  bool wants_lines() const override { return false; }

 private:
  end_call call_;
};

}  // namespace

std::shared_ptr<handler> on_start_call(start_call call) {
  return std::make_shared<start_handler>(std::move(call));
}
std::shared_ptr<handler> on_line_call(line_call call) {
  return std::make_shared<line_handler>(std::move(call));
}
std::shared_ptr<handler> on_end_call(end_call call) {
  return std::make_shared<end_handler>(std::move(call));
}

namespace detail {

bool handler_calls::wants_lines() const noexcept {
  for (const auto& h : handlers_)
    if (h->wants_lines()) return true;
  return false;
}

template <class Call>
std::exception_ptr handler_calls::each(const Call& call) noexcept {
  std::exception_ptr first;
  for (auto& h : handlers_) {
    if (!h) continue;
    try {
      call(*h);
    } catch (...) {
      log_handler_failure(std::current_exception());
      if (!first) first = std::current_exception();
      h = nullptr;
    }
  }
  if (first) std::erase(handlers_, nullptr);
  return first;
}

std::exception_ptr handler_calls::start(const started_command& command) noexcept {
  return each([&](handler& h) { h.on_start(command); });
}

std::exception_ptr handler_calls::line(const output_line& line) noexcept {
  return each([&](handler& h) { h.on_line(line); });
}

std::exception_ptr handler_calls::end(const ended_command& command) noexcept {
  return each([&](handler& h) { h.on_end(command); });
}

void log_handler_failure(const std::exception_ptr& error) noexcept {
  contain(
      [&] {
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& e) {
          log(log_level::error, [&] { return std::string("a handler threw: ") + e.what(); });
        } catch (...) {
          log(log_level::error, "a handler threw what is no std::exception");
        }
      },
      [](const std::exception_ptr&) {});
}

void handler_tap::on_running(execution& run) {
  note(run, calls_.start(started_command(where_, 0, run.result_so_far().name(), run.pid(),
                                         run.result_so_far().started())));
}

void handler_tap::on_output(execution& run, stream which, std::span<const char> bytes) {
  if (!with_lines_) return;
  line_splitter& splitter = which == stream::out ? out_ : err_;
  splitter.feed(bytes, [&](std::string_view text, bool complete) {
    notify_line(run, which, text, complete);
  });
}

void handler_tap::on_ending(execution& run) noexcept {
  out_.finish(
      [&](std::string_view text, bool complete) { notify_line(run, stream::out, text, complete); });
  err_.finish(
      [&](std::string_view text, bool complete) { notify_line(run, stream::err, text, complete); });
  note(run, calls_.end(ended_command(where_, 0, run.result_so_far())));
}

void handler_tap::notify_line(execution& run, stream from, std::string_view text, bool complete) {
  note(run, calls_.line(output_line(where_, 0, from, text, complete)));
}

void handler_tap::note(execution& run, std::exception_ptr error) noexcept {
  if (!error || problem_) return;
  problem_ = std::move(error);
  run.cancel();
}

}  // namespace detail
}  // namespace execo
