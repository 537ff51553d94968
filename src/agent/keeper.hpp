// The keeper of an agent: a process that waits beside it and ends what it leaves behind.
#pragma once

namespace execo::agent {

/// Makes this process two. The call returns in the child, which is the agent. The parent, the
/// keeper, has no descriptors, waits for the agent, then kills all that comes of it, daemons as
/// well, and exits as it did. TERM, INT, HUP and QUIT of the keeper are TERM for the agent; so is
/// the keeper's end. The agent's signals have default dispositions, but PIPE is ignored; TERM, INT,
/// HUP, QUIT and CHLD are blocked. Gives up if the process cannot be made.
void be_kept();

}  // namespace execo::agent
