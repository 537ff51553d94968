#include "tree/tree_copy_transport.hpp"

#include <csignal>
#include <utility>

#include "execo/printable.hpp"
#include "tree/seat_transport.hpp"

namespace execo::detail {
namespace {

class tree_copy_transport final : public seat_transport {
 public:
  tree_copy_transport(loop& on, intrusive_ptr<tree_root> root, const host& where,
                      std::shared_ptr<tree_file> what)
      : seat_transport(on, std::move(root), where, "end of a copy in a tree"),
        what_(std::move(what)) {}

  void open(const command&, transport_events& events) override {
    events_ = &events;
    enter();
  }

  // It reads nothing.
  void write(std::span<const char>) override {}
  void close_input() override {}
  void pause(stream, bool) override {}

  void signal(int number) override {
    if (stage_ != stage::running) return;
    signal_ = number;
    (void)root_->send(*this, cancel_message());
  }

  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("a file in a tree, on " + printable(where_.name()));
  }

 private:
  void go_on() override {
    for (stream which : {stream::out, stream::err})
      if (stage_ == stage::exited && !is_parting()) events_->on_eof(which);
  }

  // -- tree_seat
  void seat_up() override {
    events_->on_phase(phase::open);
    if (!is_parting() && stage_ == stage::waiting) ask();
  }
  void ask() {
    const send_result sent = root_->write_file(*this, what_->order, what_->content);
    if (sent == send_result::full) return;
    if (sent != send_result::queued) {
      what_->is_lost = true;
      return fail_soon(failure(end_reason::connect_failed,
                               std::make_error_code(std::errc::not_connected),
                               printable(where_.name()) + ": the way to it was lost"));
    }
    stage_ = stage::running;
    started_ = certainty::yes;
    events_->on_phase(phase::run);
  }
  // A host that can have no agent runs the script; one behind an agent that was lost may be reached
  // through others.
  void seat_failed(failure why) override {
    what_->is_lost = why.how == end_reason::unsupported || why.how == end_reason::connection_lost;
    if (why.how == end_reason::connection_lost) why.how = end_reason::connect_failed;
    fail_soon(std::move(why));
  }
  void seat_started() override {}
  void seat_output(const output_message&) override {}
  void seat_credit(std::size_t) override {}
  void seat_has_room() override {
    if (stage_ == stage::waiting && !is_parting()) ask();
  }
  void seat_ended(const ended_message& end) override {
    if (stage_ != stage::running) return;
    stage_ = stage::exited;
    if (is_parting()) return leave();
    queue_step();
    events_->on_exit(status_of(end));
  }
  void seat_lost(failure why) override {
    if (stage_ != stage::running) return;
    what_->is_lost = true;
    fail_soon(std::move(why));
  }

  exit_status status_of(const ended_message& end) {
    if (end.how == command_end::cancelled) return exit_status::of_signal(signal_);
    if (!end.measures.empty()) what_->there = end.measures.front().output;
    if (end.how == command_end::exited && end.code == 0) return exit_status::of_code(0);
    what_->is_lost = end.how != command_end::not_started;
    what_->error = static_cast<int>(end.code);
    what_->failure = end.text;
    return exit_status::of_code(1);
  }

  const std::shared_ptr<tree_file> what_;
  int signal_ = SIGTERM;
};

}  // namespace

std::unique_ptr<transport> make_tree_copy_transport(loop& on, intrusive_ptr<tree_root> root,
                                                    const host& where,
                                                    std::shared_ptr<tree_file> what) {
  return std::make_unique<tree_copy_transport>(on, std::move(root), where, std::move(what));
}

}  // namespace execo::detail
