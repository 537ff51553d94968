// What commands of a tree say to each other, from a shell. It needs execo_msg.h alone.
#pragma once

namespace execo::msg {

/// Does what the words of a command line say, that of `execo-msg`, and gives its exit code.
int run_verb(int count, char** words);

}  // namespace execo::msg
