// The messages of the tree: what the frames of each type say. A message is a value with public
// fields; `encode` appends its body, `decode` reads one and returns nothing unless the whole body
// is one and each count, length and choice is within bounds. Texts and bytes that a type names
// string_view lie in the frame; those of std::string are copies.
//
// Where a message has `hosts`, a set of one goes as the host of the header, any other at the front
// of the body. No set of hosts is empty.
#pragma once

#include "wire/host_messages.hpp"
#include "wire/link_messages.hpp"
#include "wire/run_messages.hpp"
