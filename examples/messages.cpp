// Messages to a coroutine: from handlers, which do not wait, and from another thread, which waits
// for the answer.
#include <fmt/format.h>

#include <execo/execo.hpp>
#include <memory>
#include <thread>

class request {
 public:
  explicit request(std::string said) : text(std::move(said)) {}
  std::string text;
  std::shared_ptr<execo::channel<int>> reply = std::make_shared<execo::channel<int>>(1);
};
using mailbox = execo::channel<request>;

// The number of messages that came before; nothing once the mailbox is closed.
execo::task<std::optional<int>> ask(mailbox& to, std::string text) {
  request made(std::move(text));
  auto reply = made.reply;  // lives until both sides have gone
  bool taken = co_await to.send(std::move(made));
  if (!taken) co_return std::nullopt;
  co_return co_await reply->receive();
}

execo::task<int> answer_all(mailbox& mail) {
  int count = 0;
  while (auto message = co_await mail.receive()) {
    fmt::print("{}: {}\n", count, message->text);
    message->reply->try_send(count++);  // it has room for one
  }
  co_return count;
}

execo::task<> run_jobs(mailbox& mail) {
  execo::local jobs("true", 3);
  jobs.on_end([&](const execo::ended_command& e) {
    mail.try_send(request(e.host.name() + " has ended"));  // false if the mailbox is full
  });
  co_await jobs.run();
}

int main() {
  mailbox mail(16);
  execo::context here;
  std::future<int> answered = execo::as_future(answer_all(mail));

  execo::sync_wait(here, run_jobs(mail));
  std::optional<int> before;
  std::thread other([&] { before = execo::sync_wait(ask(mail, "how many?")); });
  other.join();
  mail.close();
  fmt::print("{} messages before the question\n", before.value_or(-1));
  return answered.get() == 4 && before == 3 ? 0 : 1;
}
