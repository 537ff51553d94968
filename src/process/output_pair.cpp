#include "process/output_pair.hpp"

#include <algorithm>

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

std::error_code output_pair::set_up(const taken_stdio& stdio, const command& what, bool observed,
                                    std::string& context) {
  const sink_spec* error_spec = stdio.err();
  merged_ = error_spec != nullptr && error_spec->what == sink_spec::kind::merged;
  out_.configure(stdio.out(), what.output_cap, 1);
  if (!merged_) err_.configure(error_spec, what.output_cap, 2);
  redirect(what.attributes.pty, observed);
  for (stream which : {stream::out, stream::err})
    if (!sink_of(which).bounds_the_pipe()) transport_.allow_bulk(which);
  std::error_code why = stdio.problem(context);
  if (!why) why = out_.open(context);
  if (!why) why = err_.open(context);
  return why;
}

// Not a terminal's, whose bytes pass through us, nor what an observer has to see.
void output_pair::redirect(bool terminal, bool observed) {
  for (stream which : {stream::out, stream::err}) {
    output_stream& to = of(which);
    output_file* file = to.sole_file();
    if (file == nullptr || terminal || observed) continue;
    int number = which == stream::out ? 1 : 2;
    if (transport_.redirect(number, as_child_stream(*file))) to.set_direct();
  }
  if (!merged_) return;
  err_.set_direct();
  child_stream same;
  same.what = child_stream::kind::as_output;
  if (!terminal) (void)transport_.redirect(2, same);
}

void output_pair::end(stream which) noexcept {
  open_[index(which)] = false;
  if (!merged_ || !open()) sink_of(which).end();
}

void output_pair::update_flow() {
  for (stream which : {stream::out, stream::err}) {
    std::size_t i = index(which);
    bool hold = held_[i] || sink_of(which).is_backpressured();
    if (hold == paused_[i]) continue;
    paused_[i] = hold;
    transport_.pause(which, hold);
  }
}

void output_pair::drain_now() {
  out_.drain_now();
  err_.drain_now();
  update_flow();
}

void output_pair::finalize(bool whole, output_stream_owner& owner) {
  out_.end();
  err_.end();
  bool& complete = result_access::output_complete(result_);
  complete = complete && out_.complete() && err_.complete();
  for (output_stream* s : {&out_, &err_}) {
    std::string context;
    if (std::error_code why = s->finalize(whole && complete, context))
      owner.on_stream_failed(why, std::move(context));
  }
  result_access::out_bytes(result_) = out_.total();
  result_access::err_bytes(result_) = err_.total();
  result_access::out_dropped(result_) = out_.dropped();
  result_access::err_dropped(result_) = err_.dropped();
  result_access::dropped_by(result_) = std::max(out_.limit(), err_.limit());
}

}  // namespace execo::detail
