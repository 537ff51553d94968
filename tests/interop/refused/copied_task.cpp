// says: pass_it_with_std_move
// says: pass it with std::move
#include <execo/sync_wait.hpp>

int run(execo::task<int> t) { return execo::sync_wait(t); }
