#include "tree/tree_copy_transport.hpp"

#include <csignal>
#include <utility>

#include "execo/printable.hpp"

namespace execo::detail {
namespace {

// idle -> waiting, for the host -> running -> exited -> over. From each before `exited` to over by
// a failure.
enum class file_stage : std::uint8_t { idle, waiting, running, exited, over };
// waiting: it is being closed, and the answer of a host that writes is waited for, a while.
enum class file_parting : std::uint8_t { none, waiting, left };

class tree_copy_transport final : public transport, private tree_seat {
 public:
  tree_copy_transport(loop& on, intrusive_ptr<tree_root> root, const host& where,
                      std::shared_ptr<tree_file> what)
      : loop_(on),
        root_(std::move(root)),
        where_(where),
        what_(std::move(what)),
        limit_(delegate<>::to<&tree_copy_transport::leave>(this), "end of a copy in a tree"),
        step_(delegate<>::to<&tree_copy_transport::go_on>(this)) {}
  ~tree_copy_transport() override { root_->leave(*this); }

  void open(const command&, transport_events& events) override {
    events_ = &events;
    stage_ = file_stage::waiting;
    root_->enter(*this, where_);
  }

  // It reads nothing.
  void write(std::span<const char>) override {}
  void close_input() override {}
  void pause(stream, bool) override {}

  void signal(int number) override {
    if (stage_ != file_stage::running) return;
    signal_ = number;
    (void)root_->send(*this, cancel_message());
  }

  bool tells_before_start() const noexcept override { return true; }

  void close() override {
    if (parting_ != file_parting::none) return;
    parting_ = file_parting::waiting;
    if (stage_ != file_stage::running) return leave();
    if (root_->send(*this, cancel_message()) != send_result::queued) return leave();
    loop_.arm_after(limit_, after_kill);
  }

  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("a file in a tree, on " + printable(where_.name()));
  }

 private:
  void queue_step() {
    if (!std::exchange(step_queued_, true)) loop_.defer(step_);
  }

  // From the loop: what could not be said from inside a call.
  void go_on() {
    step_queued_ = false;
    if (parting_ == file_parting::left) return report_closed();
    if (failure_ && stage_ != file_stage::over) {
      stage_ = file_stage::over;
      failure why = std::move(*std::exchange(failure_, nullptr));
      if (parting_ == file_parting::none) return events_->on_failed(std::move(why));
      return leave();
    }
    for (stream which : {stream::out, stream::err}) {
      const bool is_over = stage_ == file_stage::exited && parting_ == file_parting::none;
      if (is_over) events_->on_eof(which);
    }
  }

  void report_closed() {
    end_report found;
    found.transport = transport_kind::tree;
    found.connection = connection_use::none;
    found.started = started_;
    found.note = root_->place_of(*this);
    events_->on_closed(std::move(found));
  }

  void leave() {
    if (parting_ == file_parting::left) return;
    loop_.disarm(limit_);
    root_->leave(*this);
    parting_ = file_parting::left;
    queue_step();
  }

  void fail_soon(failure why) {
    if (!failure_) failure_ = std::make_unique<failure>(std::move(why));
    queue_step();
  }

  // -- tree_seat
  void seat_up() override {
    events_->on_phase(phase::open);
    if (parting_ == file_parting::none && stage_ == file_stage::waiting) ask();
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
    stage_ = file_stage::running;
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
    if (stage_ == file_stage::waiting && parting_ == file_parting::none) ask();
  }
  void seat_ended(const ended_message& end) override {
    if (stage_ != file_stage::running) return;
    stage_ = file_stage::exited;
    if (parting_ != file_parting::none) return leave();
    queue_step();
    events_->on_exit(status_of(end));
  }
  void seat_lost(failure why) override {
    if (stage_ != file_stage::running) return;
    what_->is_lost = true;
    fail_soon(std::move(why));
  }

  exit_status status_of(const ended_message& end) {
    if (end.how == command_end::cancelled) return exit_status::of_signal(signal_);
    if (end.how == command_end::exited && end.code == 0) return exit_status::of_code(0);
    what_->is_lost = end.how != command_end::not_started;
    what_->error = static_cast<int>(end.code);
    what_->failure = end.text;
    return exit_status::of_code(1);
  }

  loop& loop_;
  const intrusive_ptr<tree_root> root_;
  const host where_;
  const std::shared_ptr<tree_file> what_;
  transport_events* events_ = nullptr;
  std::unique_ptr<failure> failure_;  // to be reported
  deadline_timer limit_;
  queue_node step_;
  int signal_ = SIGTERM;
  file_stage stage_ = file_stage::idle;
  file_parting parting_ = file_parting::none;
  certainty started_ = certainty::no;
  bool step_queued_ = false;
};

}  // namespace

std::unique_ptr<transport> make_tree_copy_transport(loop& on, intrusive_ptr<tree_root> root,
                                                    const host& where,
                                                    std::shared_ptr<tree_file> what) {
  return std::make_unique<tree_copy_transport>(on, std::move(root), where, std::move(what));
}

}  // namespace execo::detail
