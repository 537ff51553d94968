// execo-msg: a program for shells where the agent cannot be found, see docs/tree-messages.md.
#include "msg/verbs.hpp"

int main(int count, char** words) { return execo::msg::run_verb(count, words); }
