#include "tree_driver.hpp"

#include <fcntl.h>
#include <openssl/sha.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "file_bytes.hpp"
#include "wire/message_limits.hpp"

namespace execo::test {

namespace {

using namespace std::chrono_literals;
using detail::frame_type;
using clock = std::chrono::steady_clock;

constexpr char nonce_byte = 0x5a;
constexpr const char* nonce_text = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

detail::bytes16 nonce() {
  detail::bytes16 bytes{};
  bytes.fill(nonce_byte);
  return bytes;
}

detail::welcome_message welcome(std::chrono::milliseconds orphan_grace) {
  detail::welcome_message message;
  message.index = 0;
  message.depth = 1;
  message.host = "h0";
  message.orphan_grace_ms = static_cast<std::uint32_t>(orphan_grace.count());
  return message;
}

pid_t start_agent(const std::vector<std::string>& arguments, int socket) {
  std::vector<std::string> words{tree_driver::program()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid > 0) return pid;
  (void)::dup2(socket, 0);
  (void)::dup2(socket, 1);
  (void)::setenv("EXECO_NONCE", nonce_text, 1);
  (void)::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

const char* tree_driver::program() noexcept { return PLACE_OF_AGENT; }

tree_driver::tree_driver(const std::vector<std::string>& arguments,
                         std::chrono::milliseconds orphan_grace)
    : link_(detail::link::to_child(nonce(), welcome(orphan_grace), clock::now())) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  socket_.reset(pair[0]);
  const detail::unique_fd theirs(pair[1]);
  (void)::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  pid_ = start_agent(arguments, theirs.get());
}

tree_driver::~tree_driver() {
  say_goodbye();
  if (!until_gone() && !status_) {
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
  }
}

// -- orders
// ----------------------------------------------------------------------------------------

void tree_driver::use_local_connector(std::uint16_t arity) {
  detail::connector_message connector;
  connector.local = true;
  connector.arity = arity;
  send(connector);
}

void tree_driver::use_connector(std::vector<std::string> words, std::uint16_t arity) {
  const std::string bytes = file_bytes(program());
  detail::image_message part;
  part.arch = detail::machine::x86_64;
#if defined(__aarch64__)
  part.arch = detail::machine::aarch64;
#endif
  part.size = static_cast<std::uint32_t>(bytes.size());
  (void)::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                 reinterpret_cast<unsigned char*>(part.sha256.data()));
  for (std::size_t at = 0; at < bytes.size(); at += part.bytes.size()) {
    part.offset = static_cast<std::uint32_t>(at);
    part.bytes = std::string_view(bytes).substr(at, detail::chunk_limit);
    send(part);
  }
  detail::connector_message connector;
  connector.arity = arity;
  connector.words = std::move(words);
  connector.timeout_ms = 30'000;
  connector.arity = arity;
  send(connector);
}

void tree_driver::deploy(std::uint32_t first, std::uint32_t last, std::uint16_t zone) {
  constexpr std::uint32_t at_once = 500;
  while (first <= last) {
    const std::uint32_t end = std::min(last, first + at_once - 1);
    detail::work_message work;
    for (std::uint32_t i = first; i <= end; ++i) {
      detail::work_item item;
      item.index = i;
      item.name = "h" + std::to_string(i);
      item.zone = zone;
      work.items.push_back(item);
    }
    link_.hand_over(detail::index_ranges(first, end));
    send(work);
    first = end + 1;
  }
}

detail::execute_message tree_driver::text(std::uint32_t run, const detail::index_ranges& hosts,
                                          std::string command) {
  detail::execute_message order = words(run, hosts, {std::move(command)});
  order.form = detail::command_form::text;
  return order;
}

detail::execute_message tree_driver::words(std::uint32_t run, const detail::index_ranges& hosts,
                                           std::vector<std::string> words) {
  detail::execute_message order;
  order.run = run;
  order.hosts = hosts;
  order.form = detail::command_form::words;
  order.words = std::move(words);
  order.output_cap = order.error_cap = UINT64_MAX;
  order.kill_grace_ms = 5000;
  return order;
}

detail::wave_message tree_driver::wave(std::uint32_t number, std::uint32_t hold_ms) {
  detail::wave_message ask;
  ask.number = number;
  ask.hold_ms = hold_ms;
  return ask;
}

void tree_driver::input(std::uint32_t run, std::uint32_t host, const std::string& bytes, bool end) {
  detail::input_message message;
  message.run = run;
  message.hosts = detail::index_ranges(host);
  message.bytes = bytes;
  message.end = end;
  send(message);
}

void tree_driver::cancel(std::uint32_t run, const detail::index_ranges& hosts) {
  detail::cancel_message message;
  message.run = run;
  message.hosts = hosts;
  send(message);
}

// -- what comes
// ------------------------------------------------------------------------------------

void tree_driver::flush() {
  for (;;) {
    const std::string_view bytes = link_.output();
    if (bytes.empty() || !socket_) return;
    const ssize_t put = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0) return;
    link_.written(static_cast<std::size_t>(put), clock::now());
  }
}

// False once nothing more comes.
bool tree_driver::turn(std::chrono::milliseconds patience) {
  link_.tick(clock::now());
  flush();
  if (!socket_) return false;
  pollfd waits{socket_.get(), POLLIN, 0};
  if (!link_.output().empty()) waits.events |= POLLOUT;
  (void)::poll(&waits, 1, static_cast<int>(patience.count()));
  std::array<char, 65'536> buffer;
  const ssize_t got = ::read(socket_.get(), buffer.data(), buffer.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) {
    link_.bytes_ended();
    socket_.reset();
    return false;
  }
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  while (std::optional<detail::frame> next = link_.next(bytes, clock::now())) take(*next);
  link_.grant();
  flush();
  return true;
}

bool tree_driver::until(const std::function<bool()>& holds, std::chrono::seconds within) {
  const auto end = clock::now() + within;
  while (!holds()) {
    if (clock::now() >= end) return false;
    if (!turn(50ms)) return holds();
  }
  flush();
  return true;
}

bool tree_driver::until_up(std::uint32_t first, std::uint32_t last) {
  return until([&] {
    for (std::uint32_t i = first; i <= last; ++i)
      if (!hosts_[i].up) return false;
    return true;
  });
}

bool tree_driver::until_ended(std::uint32_t run, const detail::index_ranges& hosts) {
  return until([&] {
    bool all = true;
    hosts.for_each([&](std::uint32_t host) { all = all && of(run, host).end.has_value(); });
    return all;
  });
}

bool tree_driver::reaped() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_.has_value();
}

bool tree_driver::until_gone() {
  const auto end = clock::now() + 30s;
  while (!reaped() && clock::now() < end)
    if (!turn(20ms)) (void)::poll(nullptr, 0, 5);
  return status_.has_value();
}

void tree_driver::say_goodbye() {
  link_.leave(detail::goodbye_message(detail::goodbye_reason::done, ""));
  flush();
}

void tree_driver::close() { socket_.reset(); }

void tree_driver::give_credit(bool gives) {
  gives_credit_ = gives;
  if (!gives) return;
  for (std::uint8_t stream : {1, 2})
    for (const auto& [key, bytes] : std::exchange(owed_[stream], {}))
      credit(key.first, key.second, stream, bytes);
}

void tree_driver::credit(std::uint32_t run, std::uint32_t host, std::uint8_t stream,
                         std::size_t bytes) {
  if (!gives_credit_) {
    owed_[stream][{run, host}] += bytes;
    return;
  }
  detail::credit_message message;
  message.run = run;
  message.host = host;
  message.stream = stream;
  message.data = static_cast<std::uint32_t>(bytes);
  send(message);
}

void tree_driver::take_output(const detail::output_message& output) {
  run_record& record = of(output.run, output.host);
  std::string& text = output.stream == detail::command_stream::output ? record.out : record.err;
  if (text.size() == output.offset) text.append(output.bytes);
  credit(output.run, output.host, static_cast<std::uint8_t>(output.stream), output.bytes.size());
}

void tree_driver::take_folded(const detail::folded_message& block) {
  ++folded_frames_;
  std::string& text = texts_[{block.run, block.digest}];
  if (block.has_bytes) text = block.bytes;
  block.hosts.for_each([&](std::uint32_t host) {
    run_record& record = of(block.run, host);
    std::string& all = block.stream == detail::command_stream::output ? record.out : record.err;
    if (all.size() == block.offset) all.append(text);
  });
}

void tree_driver::take(const detail::frame& what) {
  switch (what.type) {
    case frame_type::hello:
      hosts_[0].up = true;
      return;
    case frame_type::output:
      if (auto output = detail::output_message::decode(what)) take_output(*output);
      return;
    case frame_type::folded:
      if (auto block = detail::folded_message::decode(what)) take_folded(*block);
      return;
    case frame_type::started:
      if (auto started = detail::started_message::decode(what))
        started->hosts.for_each([&](std::uint32_t i) { of(started->run, i).started = true; });
      return;
    case frame_type::ended:
      if (auto end = detail::ended_message::decode(what)) {
        std::size_t place = 0;
        end->hosts.for_each([&](std::uint32_t i) {
          detail::ended_message one = *end;
          one.measures = {end->measures[place++]};
          of(end->run, i).end = one;
        });
      }
      return;
    case frame_type::host_state:
      if (auto state = detail::host_state_message::decode(what))
        state->hosts.for_each([&](std::uint32_t i) {
          hosts_[i].last = *state;
          hosts_[i].up = state->state == detail::tree_host_state::up;
        });
      return;
    case frame_type::file_want:
      if (auto want = detail::file_want_message::decode(what)) {
        wanted_[want->content] += want->room;
        first_wants_.try_emplace(want->content, *want);
      }
      return;
    case frame_type::answers:
      ++frames_of_answers_;
      if (auto answers = detail::answers_message::decode(what))
        answers_[answers->number] |= answers->hosts;
      return;
    case frame_type::contribute:
      if (auto given = detail::contribute_message::decode(what))
        contributions_.push_back({given->hosts, given->value, std::string(given->text)});
      return;
    case frame_type::returned:
      if (auto returned = detail::returned_message::decode(what)) returned_ |= returned->hosts;
      return;
    case frame_type::credit:
      if (auto credit = detail::credit_message::decode(what))
        of(credit->run, credit->host).input_taken += credit->data;
      return;
    default:
      return;
  }
}

}  // namespace execo::test
