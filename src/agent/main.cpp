// The agent of the tree. Its standard input and output are the link to its parent:
//   EXECO_NONCE=NONCE execo-agent [FOLDER]
// Commands find it under another name, as execo-msg: see talk_program.hpp.
#include <optional>

#include "agent/keeper.hpp"
#include "agent/node.hpp"
#include "agent/reactor.hpp"
#include "agent/spawn.hpp"
#include "agent/start.hpp"
#include "agent/talk_program.hpp"
#include "msg/verbs.hpp"

namespace execo::agent {
namespace {

class agent_work {
 public:
  explicit agent_work(const detail::bytes16& nonce) noexcept : nonce_(nonce) {}

  void run() {
    reactor loop;
    node self(loop, nonce_, around_, 0, 1);
    self.run();
  }

 private:
  detail::bytes16 nonce_;
  surroundings around_;
};

int run(int count, char** words) {
  if (count > 0 && is_talk_program(words[0])) return msg::run_verb(count, words);
  if (std::optional<int> code = code_of_sweeper(count, words)) {
    hide(count, words);
    sweep(*code);
  }
  std::optional<agent_arguments> arguments = take_arguments(count, words);
  if (!arguments) give_up("is started by execo on the hosts of a tree, and has no other use");
  remove_folder(arguments->folder);
  hide(count, words);
  wait_local_delay();
  agent_work work(arguments->nonce);
  keep(detail::delegate<>::to<&agent_work::run>(&work));
}

}  // namespace
}  // namespace execo::agent

int main(int count, char** words) { return execo::agent::run(count, words); }
