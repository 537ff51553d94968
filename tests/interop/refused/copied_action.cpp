// says: pass_it_with_std_move
// says: pass it with std::move
#include <execo/remote.hpp>
#include <execo/sync_wait.hpp>

bool run(execo::remote r) { return execo::sync_wait(r).ok(); }
