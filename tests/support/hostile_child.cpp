// A host of a tree that was broken into. In place of a connector:
//
//   hostile_child KIND BAD HOST TEXT   HOST is not BAD: /bin/sh runs TEXT, with EXECO_HOST set.
//                                      Else: plays an agent that does what KIND says.
//
// It does so once it has a command and LOG of $EXECO_TEST_FOLDER has the lines of all others
// ($EXECO_TEST_OTHERS). They go on once it has made the file GO, or is gone: BAD has its number. It
// reads on to the end of its input, but for kinds that begin with "stubborn": those neither read
// nor end.
#include <signal.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/hex.hpp"
#include "ssh/base64.hpp"
#include "wire/message_limits.hpp"
#include "wire/messages.hpp"

namespace {

namespace detail = execo::detail;
using detail::frame;
using detail::frame_type;
using detail::index_ranges;

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (put <= 0) std::exit(0);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

// The first word of the input.
std::string read_nonce() {
  std::string line;
  for (char byte = 0; byte != '\n'; line += byte)
    if (::read(STDIN_FILENO, &byte, 1) != 1) std::exit(1);
  return line.substr(0, line.find(' '));
}

class hostile_agent {
 public:
  explicit hostile_agent(const std::string& nonce)
      : nonce_text_(nonce), nonce_(detail::bytes_of_hex<16>(nonce)) {}

  std::uint32_t index() const { return welcome_.index; }
  std::uint32_t run() const { return order_.run; }

  /// Then it is given hosts, if it asks for some.
  void have_ssh() { has_ssh_ = true; }
  /// What stage 1 says, and takes.
  void pretend_stage1() {
    utsname machine{};
    (void)::uname(&machine);
    say_line("ready Linux " + std::string(machine.machine) + " unlinked");
    std::string header;
    for (char c = 0; c != '\n'; header += c) c = read_byte();
    std::size_t left = std::stoul(header.substr(header.find(' ')));
    while (left > 0) left -= read_some(left).size();
    say_line("start");
  }
  void say_hello(std::uint16_t lowest = detail::protocol_lowest,
                 std::uint16_t highest = detail::protocol_highest) {
    detail::hello_message hello;
    hello.nonce = nonce_;
    hello.capabilities = static_cast<std::uint32_t>(detail::capability::connection);
    if (has_ssh_) hello.capabilities |= static_cast<std::uint32_t>(detail::capability::ssh);
    utsname machine{};
    (void)::uname(&machine);
    hello.arch = detail::machine_of(machine.machine);
    hello.protocol_min = lowest;
    hello.protocol_max = highest;
    say(hello);
  }
  void take_welcome() { welcome_ = *detail::welcome_message::decode(until(frame_type::welcome)); }
  /// The root gives hosts to nobody before.
  void take_order() { order_ = *detail::execute_message::decode(until(frame_type::execute)); }
  /// Asks for a host. Gives the first one.
  std::uint32_t take_work() { return take_item().index; }
  detail::work_item take_item() {
    detail::steal_message steal;
    steal.hosts = 1;
    say(steal);
    return detail::work_message::decode(until(frame_type::work))->items.front();
  }
  /// The number of the next wave.
  std::uint32_t take_wave() {
    return detail::wave_message::decode(until(frame_type::wave))->number;
  }
  /// What the root says to an ssh that leads to that host.
  std::string answer_to(detail::sign_ask_message ask) {
    ask.hosts = index_ranges(index());
    ask.number = ++questions_;
    say(ask);
    return detail::sign_answer_message::decode(until(frame_type::sign_answer))->text;
  }
  void take_to_the_end() {
    while (!read_some(65'536).empty()) continue;
    std::exit(0);
  }

  template <class Message>
  void say(const Message& message) {
    frame f = header_of(message);
    const std::string body = body_of(message);
    f.body = body;
    say_frame(f);
  }
  void say_frame(const frame& f) {
    std::string bytes;
    append_frame(bytes, f, sequence_++);
    write_all(bytes);
  }
  void say_last_sequence_again() { --sequence_; }

  detail::started_message started() const {
    detail::started_message message;
    message.run = run();
    message.hosts = index_ranges(index());
    return message;
  }
  detail::output_message output(std::string_view bytes) const {
    detail::output_message message;
    message.run = run();
    message.host = index();
    message.bytes = bytes;
    return message;
  }
  detail::ended_message ended() const {
    detail::ended_message message;
    message.run = run();
    message.hosts = index_ranges(index());
    message.measures.emplace_back();
    return message;
  }
  detail::answers_message answers(std::uint32_t wave, const index_ranges& hosts) const {
    detail::answers_message message;
    message.hosts = hosts;
    message.number = wave;
    return message;
  }
  detail::host_state_message state(std::uint32_t host, detail::tree_host_state which) const {
    detail::host_state_message message;
    message.hosts = index_ranges(host);
    message.state = which;
    if (which == detail::tree_host_state::failed) message.why = detail::host_failure::lost;
    message.parent = index();
    message.depth = 2;
    return message;
  }

 private:
  void say_line(const std::string& text) {
    write_all("\nexeco1 " + nonce_text_ + ' ' + text + '\n');
  }
  char read_byte() {
    char byte = 0;
    if (::read(STDIN_FILENO, &byte, 1) != 1) std::exit(1);
    return byte;
  }
  std::string_view read_some(std::size_t most) {
    ssize_t got = ::read(STDIN_FILENO, buffer_.data(), std::min(most, buffer_.size()));
    return std::string_view(buffer_.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  frame until(frame_type type) {
    for (;;) {
      while (std::optional<frame> f = reader_.next(unread_))
        if (f->type == type) return *f;
      unread_ = read_some(buffer_.size());
      if (unread_.empty()) std::exit(0);
    }
  }

  std::string nonce_text_;
  detail::bytes16 nonce_;
  detail::frame_reader reader_{detail::flow::down};
  std::array<char, 65'536> buffer_;
  std::string_view unread_;
  std::uint16_t sequence_ = 0;
  std::uint32_t questions_ = 0;
  bool has_ssh_ = false;
  detail::welcome_message welcome_;
  detail::execute_message order_;
};

using deed = std::function<void(hostile_agent&)>;

void print_for_other_runs(hostile_agent& at) {
  for (std::uint32_t run = 1; run < 100; ++run) {
    if (run == at.run()) continue;
    detail::output_message output = at.output("forged\n");
    output.run = run;
    at.say(output);
  }
}
void end_other_runs(hostile_agent& at) {
  for (std::uint32_t run = 1; run < 100; ++run) {
    if (run == at.run()) continue;
    detail::ended_message ended = at.ended();
    ended.run = run;
    at.say(ended);
  }
}
void print_without_end(hostile_agent& at) {
  at.say(at.started());
  const std::string bytes(detail::chunk_limit, 'y');
  detail::output_message output = at.output(bytes);
  for (int i = 0; i < 10'000; ++i, output.offset += bytes.size()) at.say(output);
}
void claim_hosts(hostile_agent& at, detail::tree_host_state state) {
  for (std::uint32_t host = 0; host < 100; ++host)
    if (host != at.index()) at.say(at.state(host, state));
}

void lie_about_a_digest(hostile_agent& at) {
  detail::folded_message block;
  block.run = at.run();
  block.hosts = index_ranges(at.index());
  block.bytes = "not those";
  at.say(block);
}

/// As an agent might that has lost its parent: no type of frame says so.
void want_to_be_taken_up_again(hostile_agent& at) {
  const std::string secret_nonce_and_index(36, 's');
  at.say_frame(frame(static_cast<frame_type>(0x0b), 0, detail::no_host, secret_nonce_and_index));
}
/// A frame that never ends, a byte at a time.
void drip(hostile_agent& at) {
  at.say(at.started());
  at.say(at.output("before the drops\n"));
  std::string bytes;
  const std::string body(detail::frame_body_limit, 'y');
  append_frame(bytes, frame(frame_type::output, at.run(), at.index(), body), 3);
  for (const char& one : bytes) {
    write_all(std::string_view(&one, 1));
    ::usleep(10'000);
  }
}

/// It writes the kind of each answer down: 12 has keys, 14 a signature, 5 is a refusal.
void ask_for_signatures(hostile_agent& at) {
  const detail::work_item host = at.take_item();
  const std::string known = detail::from_base64(host.key.substr(host.key.find(' ') + 1));
  std::ofstream answers(::getenv("EXECO_TEST_FOLDER") + std::string("/answers"));
  auto ask = [&](detail::sign_ask_message question) {
    answers << int{at.answer_to(std::move(question)).front()} << std::endl;
  };
  detail::sign_ask_message keys;
  keys.target = host.index;
  ask(keys);
  keys.target = host.index + 1;
  ask(keys);
  detail::sign_ask_message forged;
  forged.target = host.index;
  forged.wish = detail::sign_wish::signature;
  forged.key = "a key";
  forged.data = "what it wants to have signed";
  ask(forged);
  forged.session = "a session";
  forged.host_key = "a key of its own";
  ask(forged);
  forged.host_key = known;
  forged.proof = "nothing that the host has signed";
  ask(forged);
  std::exit(0);
}

/// What it does with its command.
const std::map<std::string_view, deed> deeds{
    {"prints_for_another_host",
     [](auto& at) {
       detail::output_message output = at.output("forged\n");
       output.host = at.index() == 0 ? 1 : 0;
       at.say(output);
     }},
    {"says_what_is_of_no_talk",
     [](auto& at) {
       detail::say_message said;
       said.run = 1'000'000;
       said.hosts = index_ranges(at.index());
       said.to_all = true;
       at.say(said);
     }},
    {"contributes_for_another_host",
     [](auto& at) {
       detail::contribute_message given;
       given.run = 1;
       given.hosts = index_ranges(at.index() == 0 ? 1 : 0);
       at.say(given);
     }},
    {"contributes_to_no_talk",
     [](auto& at) {
       detail::contribute_message given;
       given.run = 1'000'000;
       given.hosts = index_ranges(at.index());
       at.say(given);
     }},
    {"prints_for_other_runs", print_for_other_runs},
    {"ends_other_runs", end_other_runs},
    {"starts_what_was_not_ordered",
     [](auto& at) {
       detail::started_message started = at.started();
       started.run = 1'000'000;
       at.say(started);
     }},
    {"orders_its_parent",
     [](auto& at) {
       detail::execute_message order;
       order.run = 1;
       order.hosts = index_ranges(at.index());
       order.words = {"id"};
       at.say(order);
     }},
    {"gives_work_to_its_parent",
     [](auto& at) {
       detail::work_message work;
       work.items.emplace_back().name = "x";
       at.say(work);
     }},
    {"gives_a_certificate_to_its_parent",
     [](auto& at) {
       detail::certificate_message certificate;
       certificate.key = "a key";
       certificate.text = "a certificate";
       at.say(certificate);
     }},
    {"asks_for_signatures", ask_for_signatures},
    {"asks_for_hosts",
     [](auto& at) {
       detail::steal_message steal;
       steal.hosts = 100;
       at.say(steal);
     }},
    {"gives_back_others",
     [](auto& at) {
       detail::returned_message returned;
       returned.hosts = index_ranges(0, 2);
       at.say(returned);
     }},
    {"gives_back_itself",
     [](auto& at) {
       detail::returned_message returned;
       returned.hosts = index_ranges(at.index());
       at.say(returned);
     }},
    {"says_that_others_are_up", [](auto& at) { claim_hosts(at, detail::tree_host_state::up); }},
    {"says_that_others_failed", [](auto& at) { claim_hosts(at, detail::tree_host_state::failed); }},
    {"says_that_it_is_up",
     [](auto& at) { at.say(at.state(at.index(), detail::tree_host_state::up)); }},
    {"says_that_it_failed",
     [](auto& at) { at.say(at.state(at.index(), detail::tree_host_state::failed)); }},
    {"is_reached_through_nobody",
     [](auto& at) {
       auto state = at.state(at.index(), detail::tree_host_state::up);
       state.parent = 0x7fff'ffff;
       at.say(state);
     }},
    {"floods_with_control_frames",
     [](auto& at) {
       detail::started_message started = at.started();
       for (int i = 0; i < 100'000; ++i) at.say(started);
     }},
    {"prints_without_end", print_without_end},
    {"takes_input_that_was_not_sent",
     [](auto& at) {
       at.say(at.started());
       detail::credit_message credit;
       credit.run = at.run();
       credit.host = at.index();
       credit.data = 0xffff'ffff;
       at.say(credit);
     }},
    {"gives_credit_that_it_does_not_have",
     [](auto& at) {
       detail::credit_message credit;
       credit.data = 0xffff'ffff;
       credit.control = 0xffff'ffff;
       at.say(credit);
     }},
    {"greets_again", [](auto& at) { at.say_hello(); }},
    {"wants_to_be_taken_up_again", want_to_be_taken_up_again},
    {"repeats_a_frame",
     [](auto& at) {
       at.say(at.started());
       at.say_last_sequence_again();
       at.say(at.started());
     }},
    {"answers_what_nobody_has_asked",
     [](auto& at) { at.say(at.answers(1'000'000, index_ranges(at.index()))); }},
    {"answers_for_another_host",
     [](auto& at) { at.say(at.answers(1, index_ranges(at.index() == 0 ? 1 : 0))); }},
    {"answers_twice",
     [](auto& at) {
       const std::uint32_t wave = at.take_wave();
       for (int i = 0; i < 2; ++i) at.say(at.answers(wave, index_ranges(at.index())));
     }},
    {"speaks_after_its_goodbye",
     [](auto& at) {
       at.say(detail::goodbye_message());
       at.say(at.output("behind\n"));
     }},
    {"lies_about_a_digest", lie_about_a_digest},
    {"folds_what_is_not_folded", lie_about_a_digest},
    {"is_no_agent_any_more", [](auto&) { write_all("Connection to host closed.\r\n"); }},
    {"ends_twice",
     [](auto& at) {
       at.say(at.started());
       at.say(at.ended());
       at.say(at.ended());
     }},
    {"says_twice_that_a_host_is_up",
     [](auto& at) {
       std::uint32_t host = at.take_work();
       at.say(at.state(host, detail::tree_host_state::up));
       at.say(at.state(host, detail::tree_host_state::up));
     }},
    {"says_twice_that_a_host_failed",
     [](auto& at) {
       std::uint32_t host = at.take_work();
       at.say(at.state(host, detail::tree_host_state::failed));
       at.say(at.state(host, detail::tree_host_state::failed));
     }},
    {"gives_back_what_nobody_wants_back",
     [](auto& at) {
       detail::returned_message returned;
       returned.hosts = index_ranges(at.take_work());
       at.say(returned);
     }},
    {"gives_back_what_is_up",
     [](auto& at) {
       std::uint32_t host = at.take_work();
       at.say(at.state(host, detail::tree_host_state::up));
       detail::returned_message returned;
       returned.hosts = index_ranges(host);
       at.say(returned);
     }},
    {"says_that_a_host_is_reached_through_nobody",
     [](auto& at) {
       auto state = at.state(at.take_work(), detail::tree_host_state::up);
       state.parent = 0x7fff'ffff;
       at.say(state);
     }},
    {"stubborn_after_a_lie",
     [](auto& at) {
       at.say(at.started());
       at.say(at.output("before the lie\n"));
       at.say(at.state(at.index(), detail::tree_host_state::failed));
       for (;;) ::pause();
     }},
    {"stubborn_and_dripping", drip},
    {"stubborn_and_silent",
     [](auto& at) {
       at.say(at.started());
       at.say(at.output("before the silence\n"));
       for (;;) ::pause();
     }},
};

void wait_for_others() {
  const std::string folder = ::getenv("EXECO_TEST_FOLDER");
  const long others = std::atol(::getenv("EXECO_TEST_OTHERS"));
  for (;; ::usleep(2'000)) {
    std::ifstream log(folder + "/log");
    if (std::count(std::istreambuf_iterator<char>(log), {}, '\n') >= others) break;
  }
}
void let_others_go_on() {
  const std::string folder = ::getenv("EXECO_TEST_FOLDER");
  (void)std::ofstream(folder + "/go");
}

void play(const std::string& kind) {
  (void)(std::ofstream(::getenv("EXECO_TEST_FOLDER") + std::string("/bad")) << ::getpid() << '\n');
  hostile_agent at(read_nonce());
  at.pretend_stage1();
  if (kind == "speaks_another_protocol") {
    at.say_hello(detail::protocol_highest + 1, detail::protocol_highest + 2);
    let_others_go_on();
    at.take_to_the_end();
  }
  if (kind == "has_a_wrong_nonce") {
    hostile_agent(std::string(32, 'a')).say_hello();
    let_others_go_on();
    at.take_to_the_end();
  }
  if (kind == "asks_for_signatures") at.have_ssh();
  at.say_hello();
  at.take_welcome();
  at.take_order();
  wait_for_others();
  (void)::signal(SIGPIPE, SIG_IGN);
  // It may be ended in the middle of what it says.
  if (::fork() == 0) {
    ::usleep(20'000);
    let_others_go_on();
    ::_exit(0);
  }
  deeds.at(kind)(at);
  at.take_to_the_end();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string kind = argv[1], bad = argv[2], host = argv[3];
  (void)::setenv("EXECO_HOST", host.c_str(), 1);
  if (host != bad) return ::execl("/bin/sh", "sh", "-c", argv[4], nullptr);
  play(kind);
}
