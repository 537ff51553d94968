// says: this cannot be awaited: co_await takes an operation
#include <execo/task.hpp>

execo::task<> wait() { co_await 5; }
