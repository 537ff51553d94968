// The agent of the tree. Its standard input and output are the link to its parent:
//   execo-agent [NONCE [FOLDER]]
#include <unistd.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "agent/keeper.hpp"
#include "agent/node.hpp"
#include "agent/reactor.hpp"
#include "agent/spawn.hpp"
#include "agent/start.hpp"

namespace execo::agent {
namespace {

int complain(std::string_view what) {
  std::string text = "execo-agent: ";
  text.append(what).append("\n");
  (void)!::write(2, text.data(), text.size());
  return 1;
}

int run(int count, char** words) {
  std::optional<agent_arguments> arguments = parse_arguments(count, words);
  if (!arguments)
    return complain("is started by execo, on hosts of a tree; it has no use beside that");
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

int main(int count, char** words) {
  try {
    return execo::agent::run(count, words);
  } catch (const std::exception& error) {
    return execo::agent::complain(error.what());
  }
}
