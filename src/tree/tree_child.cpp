#include "tree/tree_child.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "base/hex.hpp"
#include "base/random.hpp"
#include "execo/printable.hpp"

namespace execo::detail {
namespace {

// From the first word of stage 1 until the agent says hello.
constexpr auto start_limit = std::chrono::seconds(60);
// An agent ends within 10 s of a goodbye.
constexpr auto parting_limit = std::chrono::seconds(20);
// What is given to the way at a time.
constexpr std::size_t max_write = std::size_t{64} * 1024;

std::string_view view_of(std::span<const char> bytes) noexcept {
  return std::string_view(bytes.data(), bytes.size());
}

host_failure failure_of_fault(wire_fault fault) noexcept {
  return fault == wire_fault::silent ? host_failure::silent : host_failure::protocol;
}

}  // namespace

tree_child::tree_child(loop& on, tree_child_owner& owner, intrusive_ptr<lifecycle> way,
                       bytes16 nonce, welcome_message welcome)
    : loop_(on),
      owner_(owner),
      way_(std::move(way)),
      nonce_(nonce),
      welcome_(std::move(welcome)),
      stage1_(hex_of(nonce)),
      write_step_(on, *this, delegate<>::to<&tree_child::write_more>(this)),
      time_(delegate<>::to<&tree_child::time_passed>(this), "heartbeat of a tree") {}

tree_child::~tree_child() { assert(state_ == state::idle || state_ == state::ended); }

void tree_child::start() {
  assert(state_ == state::idle);
  state_ = state::reaching;
  begun_ = loop_.now();
  way_->attach(static_cast<end_observer&>(*this));
  way_->set_tap(static_cast<output_tap*>(this));
  way_->disable_end_log();
  way_->start();
}

void tree_child::send_opening() {
  sending_ = stage1_opening(hex_of(nonce_), random_hex(sizeof(bytes16)));
  write(sending_);
}

void tree_child::on_running(execution&) {
  loop_.arm_after(time_, start_limit);
  send_opening();
}

void tree_child::on_output(execution&, stream which, std::span<const char> bytes) {
  if (which != stream::out) return;
  bytes_received_ += bytes.size();
  if (state_ == state::reaching || state_ == state::loading) read_stage1(bytes);
  if (state_ >= state::greeting && state_ < state::ended) read_frames(bytes);
}

void tree_child::read_stage1(std::span<const char>& bytes) {
  while (!bytes.empty()) {
    switch (stage1_.feed(bytes)) {
      case stage1_state::answered:
        send_image();
        break;
      case stage1_state::started:
        state_ = state::greeting;
        link_.emplace(link::to_child(nonce_, welcome_, loop_.now()));
        return watch_time();
      case stage1_state::failed:
        return cut();
      case stage1_state::searching:
      case stage1_state::receiving:
        break;
    }
  }
}

void tree_child::send_image() {
  const stage1_answer& host = stage1_.answer();
  const agent_image* image = find_agent_image(agent_images(), host.arch);
  if (image == nullptr) return give_up("there is no agent for its kind of machine");
  state_ = state::loading;
  stage1_.sending();
  image_ = image->gzipped();
  if (host.form() == image_form::plain) {
    plain_ = image->plain();
    image_ = plain_;
  }
  header_ = image->header(host.form(), image_.size());
  if (!writes_) on_written(0, false);
}

void tree_child::read_frames(std::span<const char> bytes) {
  std::string_view rest = view_of(bytes);
  while (std::optional<frame> f = link_->next(rest, loop_.now())) {
    if (f->type == frame_type::hello) {
      // A hello that the link has taken is one.
      hello_ = hello_message::decode(*f).value_or(hello_message());
      greeted();
    } else if (f->type != frame_type::goodbye) {
      owner_.child_frame(*this, *f);
    } else if (std::optional<goodbye_message> said = goodbye_message::decode(*f)) {
      goodbye_ = std::move(said->text);
      used_ = said->used;
    }
    if (state_ == state::ended) return;
  }
  link_->grant();
  check_link();
  write_soon();
}

agent_usage tree_child::used() const noexcept {
  const bool may_be = link_ && used_.agents <= link_->served().count();
  return may_be ? used_ : agent_usage();
}

void tree_child::greeted() {
  state_ = state::open;
  connect_time_ = loop_.now() - begun_;
  plain_ = std::string();
  owner_.child_up(*this);
}

void tree_child::refuse(wire_fault fault, std::string_view about) {
  if (!link_ || link_->is_over()) return;
  link_->refuse(fault, about);
  check_link();
}

// A link that is over has nothing more to say; what it says last is still written. One that is
// silent hears nothing.
void tree_child::check_link() {
  if (!link_->is_over() || state_ == state::parting || state_ == state::ended) return;
  part();
  if (link_->fault() == wire_fault::silent) cut();
}

void tree_child::part() {
  state_ = state::parting;
  loop_.arm_after(time_, parting_limit);
  write_soon();
}

void tree_child::give_up(const char* why) {
  why_given_up_ = why;
  cut();
}

void tree_child::leave() {
  if (state_ == state::parting || state_ == state::ended) return;
  if (state_ != state::open) return cut();
  link_->leave(goodbye_message());
  part();
}

// Once for all that is sent in a turn.
void tree_child::write_soon() {
  if (!writes_) write_step_.queue();
}

void tree_child::write_more() {
  if (writes_ || state_ < state::greeting || state_ == state::ended) return;
  std::string_view next = link_->output().substr(0, max_write);
  if (next.empty()) {
    // All is said: the agent sees the end of its input, and ends.
    if (state_ == state::parting && link_->is_over()) way_->input().end_writing();
    return;
  }
  sending_.assign(next);
  link_->written(next.size(), loop_.now());
  write(sending_);
}

void tree_child::write(std::span<const char> bytes) {
  if (!way_->input().is_fed_by_writer()) return;
  writes_ = true;
  bytes_sent_ += bytes.size();
  way_->input().write(delegate<std::size_t, bool>::to<&tree_child::on_written>(this), bytes);
}

// A way that takes no more is about to end.
void tree_child::on_written(std::size_t, bool closed) {
  writes_ = false;
  if (closed || state_ == state::ended) return;
  if (!header_.empty()) {
    sending_ = std::exchange(header_, std::string());
    return write(sending_);
  }
  if (!image_.empty()) return write(std::exchange(image_, {}));
  if (state_ < state::greeting) return;
  write_soon();
  if (state_ == state::open) owner_.child_has_room(*this);
}

void tree_child::time_passed() {
  if (!link_) return give_up("it did not start one in a minute");
  if (state_ == state::parting) return cut();
  link_->tick(loop_.now());
  check_link();
  write_soon();
  watch_time();
}

void tree_child::watch_time() {
  if (state_ == state::parting) return;
  if (std::optional<wire_time> due = link_->due()) loop_.arm(time_, *due);
}

void tree_child::on_end(execution&) noexcept {
  intrusive_ptr<tree_child> alive(this);
  loop_.disarm(time_);
  end_ = way_->take_result();
  host_failure why = host_failure::lost;
  failure what;
  contain([&] { what = found_failure(why); },
          [&](const std::exception_ptr& error) { what.why = error_of(error); });
  state_ = state::ended;
  owner_.child_ended(*this, why, std::move(what));
}

// Of a way that ended: what the link or stage 1 found, or what the way itself says.
failure tree_child::found_failure(host_failure& why) {
  const std::string& host = welcome_.host;
  if (link_ && link_->state() == link_state::failed) {
    why = failure_of_fault(link_->fault());
    return failure(end_reason::connection_lost, std::make_error_code(std::errc::protocol_error),
                   printable(host) + ": the link to its agent failed: " + link_->fault_words());
  }
  if (link_) {
    why = host_failure::lost;
    return failure(end_reason::connection_lost, end_.error(),
                   printable(host) + ": the link to its agent was lost" +
                       (goodbye_.empty() ? "" : ": " + printable(goodbye_)));
  }
  const bool was_given_up = !why_given_up_.empty();
  if (end_.how() != end_reason::exited && !was_given_up && stage1_.fault() == stage1_fault::none) {
    why = host_failure::connect;
    failure found(end_.how(), end_.error(), end_.error_context());
    found.reason = end_.reason();
    return found;
  }
  (void)stage1_.end();
  why = host_failure::no_agent;
  std::string words(was_given_up ? why_given_up_ : words_of(stage1_.fault()));
  if (!stage1_.fault_text().empty()) words += ": " + printable(stage1_.fault_text());
  return failure(end_reason::unsupported, std::make_error_code(std::errc::not_supported),
                 printable(host) + ": no agent was started: " + words);
}

}  // namespace execo::detail
