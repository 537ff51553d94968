#include "ssh_agents.hpp"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "ssh/agent_protocol.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

std::string new_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "execo-agent-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  return pattern;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) throw std::runtime_error("path too long: " + path);
  ::memcpy(to.sun_path, path.data(), path.size());
  return to;
}

detail::unique_fd connect_to(const std::string& path) {
  sockaddr_un to = address_of(path);
  detail::unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) fd.reset();
  return fd;
}

// The first message with its length, and takes it out; empty: it has not come yet.
std::string take_message(std::string& received) {
  auto size = detail::first_message_size(received);
  if (!size || received.size() < 4 + *size) return {};
  std::string message = received.substr(0, 4 + *size);
  received.erase(0, message.size());
  return message;
}

}  // namespace

bool ssh_agent_fixture::available() {
  return ::access("/usr/bin/ssh-agent", X_OK) == 0 && ::access("/usr/bin/ssh-add", X_OK) == 0;
}

ssh_agent_fixture::ssh_agent_fixture()
    : folder_(new_folder()), server_({"/usr/bin/ssh-agent", "-D", "-a", path()}) {
  for (auto end = std::chrono::steady_clock::now() + 10s; !connect_to(path());) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("no ssh-agent");
    std::this_thread::sleep_for(2ms);
  }
}

ssh_agent_fixture::~ssh_agent_fixture() {
  end();
  std::error_code gone;
  std::filesystem::remove_all(folder_, gone);
}

void ssh_agent_fixture::add(const std::string& file) const {
  program adding({"/usr/bin/ssh-add", "-q", file}, {"SSH_AUTH_SOCK=" + path()});
  outcome ended = adding.finish();
  if (ended.code != 0) throw std::runtime_error("ssh-add " + file + ": " + ended.err);
}

void ssh_agent_fixture::end() noexcept {
  server_.kill(SIGKILL);
  while (server_.running()) std::this_thread::sleep_for(1ms);
}

stand_in_agent::stand_in_agent(const std::string& path, answers how, std::size_t max_connections)
    : path_(path),
      answers_(std::move(how)),
      max_connections_(max_connections),
      listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_un own = address_of(path);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
      ::listen(listener_.get(), 128) != 0)
    throw std::runtime_error("cannot listen at " + path);
  thread_ = std::thread([this] { serve(); });
}

stand_in_agent::~stand_in_agent() {
  std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
  (void)::unlink(path_.c_str());
}

stand_in_agent::answers stand_in_agent::relay(const std::string& path) {
  auto upstream = std::make_shared<detail::unique_fd>(connect_to(path));
  return [upstream](std::string_view message) {
    std::string framed;
    for (unsigned shift : {24U, 16U, 8U, 0U})
      framed += static_cast<char>(message.size() >> shift & 0xffU);
    framed += message;
    (void)::send(upstream->get(), framed.data(), framed.size(), MSG_NOSIGNAL);
    std::string received;
    std::array<char, 4096> buffer;
    for (std::string answer;;) {
      ssize_t n = ::recv(upstream->get(), buffer.data(), buffer.size(), 0);
      if (n <= 0) return std::string();
      received.append(buffer.data(), static_cast<std::size_t>(n));
      answer = take_message(received);
      if (!answer.empty()) return answer;
    }
  };
}

void stand_in_agent::serve() {
  std::vector<connection> open;
  while (!dead_) {
    std::vector<pollfd> polled{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const connection& c : open) polled.push_back({c.fd.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[0].revents != 0) return;
    for (std::size_t i = open.size(); i-- > 0 && !dead_;) {
      if (polled[i + 2].revents != 0 && !answer(open[i]))
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (polled[1].revents != 0) accept_one(open);
  }
  listener_.reset();
}

void stand_in_agent::accept_one(std::vector<connection>& open) {
  connection made;
  made.fd.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (open.size() == max_connections_) {
    ++refused_;
    return;
  }
  open.push_back(std::move(made));
  peak_ = std::max(peak_.load(), open.size());
}

bool stand_in_agent::answer(connection& on) {
  std::array<char, 4096> buffer;
  ssize_t n = ::recv(on.fd.get(), buffer.data(), buffer.size(), 0);
  if (n <= 0) return false;
  on.received.append(buffer.data(), static_cast<std::size_t>(n));
  std::string message = take_message(on.received);
  if (message.empty()) return true;
  std::string_view body = std::string_view(message).substr(4);
  if (is_sign_request(body)) ++signatures_;
  std::string reply = answers_(body);
  (void)::send(on.fd.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
  return !dead_;
}

}  // namespace execo::test
