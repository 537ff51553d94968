// says: co_await execo::when_all(std::move(them))
#include <execo/task.hpp>

#include <vector>

execo::task<> all(std::vector<execo::task<>> tasks) { co_await std::move(tasks); }
