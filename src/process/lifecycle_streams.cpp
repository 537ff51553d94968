// The standard streams of a run: what goes past us and what through us, back-pressure, input.
#include <fcntl.h>

#include "process/lifecycle.hpp"

#include <cassert>

namespace execo::detail {
namespace {

child_stream as_child_stream(const output_file& file) {
  child_stream to;
  if (file.target()) {
    to.what = child_stream::kind::file;
    to.path = file.target()->open_path();
    to.flags = file.target()->open_flags();
  } else {
    to.what = child_stream::kind::descriptor;
    to.fd = file.borrowed();
  }
  return to;
}

}  // namespace

/// False: a sink or the source cannot be had, and the result says so.
bool lifecycle::set_up_streams() {
  const sink_spec* error_spec = stdio_.err();
  merged_ = error_spec != nullptr && error_spec->what == sink_spec::kind::merged;
  out_.configure(stdio_.out(), command_->output_cap, 1);
  if (!merged_) err_.configure(error_spec, command_->output_cap, 2);
  redirect_outputs();
  pass_descriptors();
  for (stream which : {stream::out, stream::err})
    if (!sink_of(which).bounds_the_pipe()) transport_->allow_bulk(which);
  std::string context;
  std::error_code why = stdio_.problem(context);
  if (!why) why = out_.open(context);
  if (!why) why = err_.open(context);
  if (!why && command_->has_input) {
    set_up_input();
    if (input_file_) why = input_file_->open(context);
  }
  if (!why) return true;
  decide(end_reason::spawn_failed);
  result_access::error(result_) = why;
  result_access::context(result_) = std::move(context);
  return false;
}

void lifecycle::redirect_outputs() {
  for (stream which : {stream::out, stream::err}) {
    output_stream& to = output(which);
    output_file* file = to.sole_file();
    int number = which == stream::out ? 1 : 2;
    if (file != nullptr && give_to_child(number, as_child_stream(*file))) to.set_direct();
  }
  if (!merged_) return;
  err_.set_direct();
  child_stream same;
  same.what = child_stream::kind::as_output;
  (void)give_to_child(2, same);
}

// A transport that has no place for them refuses the command: see spawn_attributes::local_only().
void lifecycle::pass_descriptors() {
  for (const taken_stdio::passed& one : stdio_.beside()) {
    child_stream from;
    from.what = child_stream::kind::descriptor;
    from.fd = one.ours;
    from.name = one.name;
    (void)transport_->redirect(one.theirs, from);
  }
}

/// False: its bytes pass through us, as all of a terminal's do, and output that a tap wants.
bool lifecycle::give_to_child(int number, const child_stream& to) {
  bool own_way = to.what == child_stream::kind::file || to.what == child_stream::kind::descriptor;
  if (number != 0 && own_way && tap_ != nullptr && tap_->wants_output()) return false;
  return !command_->attributes.pty && transport_->redirect(number, to);
}

void lifecycle::set_up_input() {
  const source_spec* spec = stdio_.in();
  if (spec == nullptr || spec->what == source_spec::kind::pipe) return;
  child_stream from;
  if (spec->what == source_spec::kind::file) {
    from.what = child_stream::kind::file;
    from.path = spec->path;
    from.flags = O_RDONLY;
  } else {
    from.what = child_stream::kind::descriptor;
    from.fd = spec->fd.number;
  }
  input_direct_ = give_to_child(0, from);
  if (!input_direct_)
    input_file_ = std::make_unique<input_file>(loop_, static_cast<input_file_owner&>(*this),
                                               spec->path, spec->fd);
}

bool lifecycle::is_fed_by_writer() const noexcept {
  const source_spec* spec = stdio_.in();
  return spec != nullptr && spec->what == source_spec::kind::pipe;
}

void lifecycle::feed_input() {
  if (!command_->has_input && command_->attributes.pty) return close_input();
  if (!command_->has_input || input_direct_) return;
  if (input_file_) return input_file_->read();
  if (is_fed_by_writer()) {
    if (writer_) {
      transport_->write(to_write_);
    } else if (input_ends_) {
      close_input();
    }
    return;
  }
  std::span<const char> rest(command_->input);
  rest = rest.subspan(written_);
  if (rest.empty()) {
    close_input();
  } else {
    transport_->write(rest);
  }
}

// A terminal has no other end of file than the key for it. Twice where a line is not complete: the
// first one only hands over what there is of it.
void lifecycle::close_input() {
  if (!end_keys_.empty()) return;
  if (!command_->attributes.pty || input_closed_) return transport_->close_input();
  static constexpr std::string_view keys = "\x04\x04";
  end_keys_ = keys.substr(0, in_line_ ? 2 : 1);
  transport_->write(end_keys_);
}

void lifecycle::on_file_bytes(std::span<const char> bytes) noexcept {
  if (state() != run_state::active || input_closed_) return;
  to_write_ = bytes;
  transport_->write(bytes);
}

void lifecycle::on_file_end(int error) noexcept {
  if (state() == run_state::closing) return try_end();
  if (state() != run_state::active) return;
  close_input();
  if (error == 0 || decided_) return;
  result_access::error(result_) = {error, std::system_category()};
  result_access::context(result_) = "read " + input_file_->name();
  end_early(end_reason::spawn_failed);
}

void lifecycle::on_written(std::size_t count) {
  if (state() != run_state::active) return;
  if (!end_keys_.empty()) return key_written(count);
  if (!input_file_ && !is_fed_by_writer()) {
    written_ += count;
    if (count > 0) in_line_ = command_->input[written_ - 1] != '\n';
    return feed_input();
  }
  if (count > 0) in_line_ = to_write_[count - 1] != '\n';
  to_write_ = to_write_.subspan(count);
  bool through = to_write_.empty();
  if (input_file_ && through) return input_file_->read();
  if (writer_ && (through || write_stopped_)) return notify_writer(false);
  transport_->write(to_write_);
}

void lifecycle::key_written(std::size_t count) {
  if (count == end_keys_.size()) return transport_->close_input();
  end_keys_.remove_prefix(count);
  transport_->write(end_keys_);
}

void lifecycle::on_input_closed() {
  input_closed_ = true;
  notify_writer(true);
}

void lifecycle::notify_writer(bool closed) noexcept {
  if (!writer_) return;
  write_stopped_ = false;
  std::exchange(writer_, {})(to_write_.size(), closed);
  if (input_ends_ && running_ && state() == run_state::active) close_input();
}

void lifecycle::write(callback<std::size_t, bool> writer, std::span<const char> bytes) noexcept {
  assert(!has_writer());
  writer_ = writer;
  to_write_ = bytes;
  bool over = state() == run_state::closing || state() == run_state::ended;
  if (input_ends_ || input_closed_ || over) return notify_writer(true);
  if (bytes.empty()) return notify_writer(false);
  if (running_) transport_->write(bytes);
}

void lifecycle::stop_writing() noexcept {
  if (!writer_) return;
  if (!running_ && state() != run_state::closing) return notify_writer(false);
  // Else it is told when the transport has given the bytes back.
  write_stopped_ = true;
  if (state() == run_state::active) transport_->cancel_write();
}

void lifecycle::end_input() noexcept {
  input_ends_ = true;
  if (running_ && !writer_ && state() == run_state::active) close_input();
}

void lifecycle::update_flow() {
  if (state() != run_state::active) return;
  for (stream which : {stream::out, stream::err}) {
    std::size_t i = which == stream::out ? 0 : 1;
    bool hold = tap_holds_[i] || sink_of(which).holds_back();
    if (hold == paused_[i]) continue;
    paused_[i] = hold;
    transport_->pause(which, hold);
  }
}

void lifecycle::hurry_streams() {
  out_.drain_now();
  err_.drain_now();
  update_flow();
}

void lifecycle::on_stream_moved() noexcept {
  update_flow();
  if (state() == run_state::closing) return try_end();
  if (state() == run_state::active && exit_seen_ && all_through()) finish();
}

void lifecycle::on_stream_failed(std::error_code why, std::string context) noexcept {
  lose_output(why, std::move(context));
}

// The command may have ended well: its output is as much a part of what it did.
void lifecycle::lose_output(std::error_code why, std::string context) noexcept {
  bool own_end = result_.how() == end_reason::exited || result_.how() == end_reason::signaled;
  if (state() == run_state::ended || (decided_ && !own_end)) return;
  result_access::error(result_) = why;
  result_access::context(result_) = std::move(context);
  if (decided_) {
    result_access::how(result_) = end_reason::output_failed;
  } else {
    end_early(end_reason::output_failed);
  }
}

void lifecycle::finalize_streams() {
  out_.end();
  err_.end();
  bool& complete = result_access::output_complete(result_);
  complete = complete && out_.complete() && err_.complete();
  bool own_end = ended_by_itself();
  for (output_stream* s : {&out_, &err_}) {
    std::string context;
    if (std::error_code why = s->finalize(own_end && complete, context))
      on_stream_failed(why, std::move(context));
  }
  result_access::out_bytes(result_) = out_.total();
  result_access::err_bytes(result_) = err_.total();
  result_access::out_dropped(result_) = out_.dropped();
  result_access::err_dropped(result_) = err_.dropped();
  result_access::output_capped(result_) = out_.capped() || err_.capped();
  notify_writer(true);
}

}  // namespace execo::detail
