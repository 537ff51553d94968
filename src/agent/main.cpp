// The agent of the tree. Its standard input and output are the link to its parent:
//   execo-agent [NONCE [FOLDER]]
#include <optional>

#include "agent/keeper.hpp"
#include "agent/node.hpp"
#include "agent/reactor.hpp"
#include "agent/spawn.hpp"
#include "agent/start.hpp"

namespace execo::agent {
namespace {

int run(int count, char** words) {
  std::optional<agent_arguments> arguments = parse_arguments(count, words);
  if (!arguments) give_up("is started by execo on the hosts of a tree, and has no other use");
  remove_folder(arguments->folder);
  hide(count, words);
  const surroundings around;
  be_kept();
  reactor loop;
  node self(loop, arguments->nonce, around, 0, 1);
  self.run();
  return 0;
}

}  // namespace
}  // namespace execo::agent

int main(int count, char** words) { return execo::agent::run(count, words); }
