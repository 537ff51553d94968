#include "ssh/match_commands.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/contain.hpp"
#include "execo/command.hpp"
#include "loop/post_call.hpp"
#include "process/local_transport.hpp"

namespace execo::detail {

/// waiting -> running -> ending -> over. Withdrawn by all: from waiting to over at once, from
/// running by an end of the child, whose answer does not count.
class match_commands::run final : public transport_events {
 public:
  enum class stage : std::uint8_t { waiting, running, ending, over };

  run(match_commands& of, std::string text) : of_(of), text_(std::move(text)) {}

  // As ssh: by the user's shell, without input, and what it prints is not looked at.
  void start() {
    stage_ = stage::running;
    what_.emplace(std::vector<std::string>{of_.by_.shell(), "-c", text_});
    child_ = make_local_transport(of_.home_, of_.by_.around());
    child_stream nothing;
    nothing.what = child_stream::kind::file;
    nothing.path.text = "/dev/null";
    nothing.flags = O_RDWR;
    (void)child_->redirect(STDIN_FILENO, nothing);
    (void)child_->redirect(STDOUT_FILENO, nothing);
    child_stream ours;
    ours.what = child_stream::kind::descriptor;
    ours.fd = STDERR_FILENO;
    (void)child_->redirect(STDERR_FILENO, ours);
    child_->open(*what_, *this);
  }
  /// No host waits for it any more.
  void give_up() {
    counts_ = false;
    if (stage_ == stage::running) end();
  }

  const std::string& text() const noexcept { return text_; }
  bool is_waiting() const noexcept { return stage_ == stage::waiting; }
  bool holds() const noexcept { return holds_; }
  bool counts() const noexcept { return counts_; }
  std::vector<std::shared_ptr<match_ticket>> tickets;

 private:
  void end() {
    stage_ = stage::ending;
    child_->close();
  }

  void on_phase(phase) override {}
  void on_output(stream, std::span<const char>) override {}
  void on_eof(stream) override {}
  void on_written(std::size_t) override {}
  void on_exit(exit_status status) override {
    holds_ = status == exit_status::of_code(0);
    end();
  }
  void on_failed(failure) override { end(); }
  void on_closed(end_report) override {
    stage_ = stage::over;
    of_.ended(*this);
  }

  match_commands& of_;
  const std::string text_;
  std::optional<command> what_;
  std::unique_ptr<transport> child_;
  stage stage_ = stage::waiting;
  bool holds_ = false;
  bool counts_ = true;
};

match_commands::match_commands(loop& home, const ssh_caller& by)
    : home_(home), by_(by.ready_to_start()) {}
match_commands::~match_commands() = default;

std::optional<bool> match_commands::find(const std::string& text) const {
  std::lock_guard lock(mutex_);
  auto known = known_.find(text);
  return known == known_.end() ? std::nullopt : std::optional<bool>(known->second);
}

void match_commands::ask(std::shared_ptr<match_ticket> ticket) {
  post_call(home_, [self = shared_from_this(), ticket = std::move(ticket)]() mutable {
    self->join(std::move(ticket));
  });
}

void match_commands::withdraw(std::shared_ptr<match_ticket> ticket) {
  post_call(home_,
            [self = shared_from_this(), ticket = std::move(ticket)] { self->leave(ticket); });
}

// Later, so that no caller is called back from inside.
void match_commands::notify(std::shared_ptr<match_ticket> ticket) {
  loop& on = ticket->home;
  post_call(on, [ticket = std::move(ticket)] {
    if (auto wake = std::exchange(ticket->wake, {})) wake();
  });
}

void match_commands::join(std::shared_ptr<match_ticket> ticket) {
  if (find(ticket->text)) return notify(std::move(ticket));
  std::unique_ptr<run>& one = runs_[ticket->text];
  if (!one) {
    one = std::make_unique<run>(*this, ticket->text);
    waiting_.push_back(one.get());
  }
  one->tickets.push_back(std::move(ticket));
  start_some();
}

void match_commands::start_some() {
  while (running_ < max_running && !waiting_.empty()) {
    run* next = waiting_.front();
    waiting_.pop_front();
    ++running_;
    contain([next] { next->start(); }, [&](const std::exception_ptr&) { ended(*next); });
  }
}

void match_commands::leave(const std::shared_ptr<match_ticket>& ticket) {
  auto found = runs_.find(ticket->text);
  // It has ended, and the ticket knows.
  if (found == runs_.end()) return;
  run& one = *found->second;
  if (one.tickets.size() > 1) {
    std::erase(one.tickets, ticket);
    return notify(ticket);
  }
  if (!one.is_waiting()) return one.give_up();
  std::erase(waiting_, &one);
  runs_.erase(found);
  notify(ticket);
}

void match_commands::ended(run& which) {
  --running_;
  auto found = runs_.find(which.text());
  std::unique_ptr<run> over = std::move(found->second);
  runs_.erase(found);
  if (over->counts()) {
    std::lock_guard lock(mutex_);
    known_.emplace(over->text(), over->holds());
  }
  for (std::shared_ptr<match_ticket>& ticket : over->tickets) notify(std::move(ticket));
  // It may be inside an event of its child.
  post_call(home_, [over = std::shared_ptr<run>(std::move(over))] {});
  start_some();
}

}  // namespace execo::detail
