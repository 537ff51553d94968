#include "ssh/agent_client.hpp"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/contain.hpp"
#include "ssh/agent_protocol.hpp"

namespace execo::detail {
namespace {

using std::chrono::milliseconds;

// Of one that accepts a connection and closes it without an answer, as one does that has too many.
constexpr unsigned max_refusals = 8;
constexpr auto first_pause = milliseconds(20);
constexpr auto longest_pause = milliseconds(320);
// Without a connection: one whose queue is full, or a process without descriptors.
constexpr auto max_wait = std::chrono::seconds(5);

std::string words_of(int error) { return std::generic_category().message(error); }

std::string words_of(clock::duration limit) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(limit).count()) + " s";
}

}  // namespace

/// One connection, with one question at a time. Destroys itself when it is over.
class agent_connection final : public loop_member {
 public:
  agent_connection(agent_client& of, unique_fd connected)
      : of_(of),
        fd_(std::move(connected)),
        poll_(delegate<int>::to<&agent_connection::on_poll>(this)),
        limit_(delegate<>::to<&agent_connection::limit_expired>(this), "answer of an ssh agent") {
    of_.loop_.adopt(*this);
  }

  void put(agent_question& question) {
    question_ = &question;
    question.connection_ = this;
    sent_ = 0;
    received_.clear();
    of_.loop_.arm_after(limit_, question.limit_);
    send_rest();
  }

  void withdraw() noexcept {
    question_ = nullptr;
    close();
  }

 private:
  void shut_down() noexcept override {
    contain([this] { end_question({}, "the ssh agent was given up"); },
            [](const std::exception_ptr&) {});
    close();
  }
  void describe(std::vector<std::string>& lines, clock::time_point) const override {
    lines.push_back("ssh agent " + of_.path());
  }

  void on_poll(int) {
    if (closing_) return of_.closed(*this);
    contain(
        [this] {
          if (sent_ < question_->message_.size()) {
            send_rest();
          } else {
            receive();
          }
        },
        [this](const std::exception_ptr&) { give_up(ENOMEM); });
  }

  void wait_for(unsigned events) {
    poll_.prepare_poll(fd_.get(), events);
    of_.loop_.start(poll_);
  }

  void send_rest() {
    std::string_view rest = std::string_view(question_->message_).substr(sent_);
    ssize_t n = ::send(fd_.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return give_up(errno);
    if (n > 0) sent_ += static_cast<std::size_t>(n);
    wait_for(sent_ < question_->message_.size() ? POLLOUT : POLLIN);
  }

  void receive() {
    std::array<char, 4096> buffer;
    ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n == 0) return give_up(0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return give_up(errno);
    if (n > 0) received_.append(buffer.data(), static_cast<std::size_t>(n));
    constexpr std::size_t length_size = 4;
    std::optional<std::size_t> size = first_message_size(received_);
    if (size && (*size == 0 || *size > max_agent_message)) {
      end_question({},
                   "the ssh agent answered with a message of " + std::to_string(*size) + " bytes");
      return close();
    }
    if (!size || received_.size() < length_size + *size) return wait_for(POLLIN);
    end_question(received_.substr(length_size, *size), {});
    agent_question* following = of_.next();
    if (following == nullptr) return close();
    put(*following);
  }

  // The agent has closed it, or refuses it.
  void give_up(int error) {
    agent_question* with = std::exchange(question_, nullptr);
    of_.loop_.disarm(limit_);
    if (with != nullptr) {
      with->connection_ = nullptr;
      contain([&] { of_.refused(*with, error); },
              [&](const std::exception_ptr&) { with->end({}, {}); });
    }
    close();
  }

  void limit_expired() {
    if (question_ == nullptr) return;
    end_question({}, "the ssh agent did not answer for " + words_of(question_->limit_));
    close();
  }

  void end_question(std::string message, std::string why) {
    of_.loop_.disarm(limit_);
    agent_question* with = std::exchange(question_, nullptr);
    if (with == nullptr) return;
    with->connection_ = nullptr;
    with->end(std::move(message), std::move(why));
  }

  // May destroy this connection: no call of it may follow.
  void close() noexcept {
    of_.loop_.disarm(limit_);
    if (closing_) return;
    closing_ = true;
    if (!poll_.active) return of_.closed(*this);
    of_.loop_.cancel(poll_);
  }

  agent_client& of_;
  unique_fd fd_;
  agent_question* question_ = nullptr;
  std::size_t sent_ = 0;
  std::string received_;
  bool closing_ = false;
  io_request poll_;
  deadline_timer limit_;
};

void agent_question::withdraw() noexcept {
  unlink();
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->withdraw();
}

void agent_question::end(std::string message, std::string why) noexcept {
  answer = std::move(message);
  problem = std::move(why);
  answered_();
}

agent_client::agent_client(loop& on, std::string path)
    : loop_(on),
      path_(std::move(path)),
      retry_(delegate<>::to<&agent_client::serve>(this), "another try with an ssh agent") {}

agent_client::~agent_client() { assert(connections_ == 0); }

void agent_client::allow(unsigned questions) noexcept {
  allowed_ = std::max(allowed_, questions);
  limit_ = allowed_;
}

void agent_client::ask(agent_question& from, std::string message, clock::duration limit) {
  assert(!from.pending());
  from.answer.clear();
  from.problem.clear();
  from.message_ = std::move(message);
  from.limit_ = limit;
  from.asked_at_ = loop_.now();
  from.refusals_ = 0;
  from.link_before(waiting_);
  if (!retry_.armed()) serve();
}

agent_question* agent_client::next() noexcept {
  if (!waiting_.linked()) return nullptr;
  auto& first = static_cast<agent_question&>(*waiting_.next());
  first.unlink();
  return &first;
}

void agent_client::serve() noexcept {
  while (connections_ < limit_) {
    agent_question* first = next();
    if (first == nullptr) return;
    bool more = true;
    contain([&] { more = connect_for(*first); },
            [&](const std::exception_ptr&) {
              first->withdraw();
              first->end({}, {});
            });
    if (!more) return;
  }
}

// False: this is not the time for another one.
bool agent_client::connect_for(agent_question& first) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path_.size() >= sizeof to.sun_path) {
    first.end({}, "the path of an ssh agent is too long: " + path_);
    return true;
  }
  ::memcpy(to.sun_path, path_.data(), path_.size());
  unique_fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  bool connected =
      made && ::connect(made.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  if (!connected) {
    int error = errno;
    std::string why = "no ssh agent at " + path_ + ": " + words_of(error);
    if (error == EAGAIN || error == EMFILE || error == ENFILE || error == ENOMEM)
      return postpone(first, why);
    first.end({}, std::move(why));
    return true;
  }
  auto* connection = new agent_connection(*this, std::move(made));
  ++connections_;
  connection->put(first);
  return true;
}

// Connections that are there serve it, or it is tried again soon.
bool agent_client::postpone(agent_question& first, const std::string& why) {
  if (connections_ == 0 && loop_.now() - first.asked_at_ > max_wait) {
    first.end({}, why);
    return true;
  }
  first.link_before(*waiting_.next());
  if (connections_ == 0) loop_.arm_after(retry_, first_pause);
  return false;
}

// Before an answer. While other connections serve, it takes no more of them.
void agent_client::refused(agent_question& by, int error) {
  unsigned others = connections_ - 1;
  if (others == 0) ++by.refusals_;
  if (others == 0 && by.refusals_ > max_refusals) {
    std::string why = error == 0 ? "closes its connections without an answer" : words_of(error);
    return by.end({}, "the ssh agent at " + path_ + ": " + why);
  }
  by.link_before(*waiting_.next());
  limit_ = std::max(others, 1U);
  if (others > 0) return;
  milliseconds pause = first_pause * (1U << std::min(by.refusals_ - 1, 4U));
  loop_.arm_after(retry_, std::min(pause, longest_pause));
}

void agent_client::closed(agent_connection& gone) noexcept {
  delete &gone;
  --connections_;
  if (connections_ == 0 && !waiting_.linked()) limit_ = allowed_;
  if (!retry_.armed()) serve();
}

agent_client& agent_clients::at(const std::string& path) {
  std::unique_ptr<agent_client>& known = known_[path];
  if (!known) known = std::make_unique<agent_client>(loop_, path);
  return *known;
}

}  // namespace execo::detail
