#include "agent/run_book.hpp"

namespace execo::agent {

void run_book::open(std::uint32_t run, const detail::index_ranges& hosts, bool folds,
                    std::uint32_t talk) {
  entry& known = runs_[run];
  known.talk = talk;
  known.hosts |= hosts;
  known.folds = folds;
}

bool run_book::close(std::uint32_t run, const detail::index_ranges& hosts, bool& over) {
  over = false;
  auto found = runs_.find(run);
  if (found == runs_.end() || !found->second.hosts.contains(hosts)) return false;
  found->second.hosts -= hosts;
  over = found->second.hosts.empty();
  if (over) runs_.erase(found);
  return true;
}

bool run_book::is_open(std::uint32_t run, const detail::index_ranges& hosts) const noexcept {
  auto found = runs_.find(run);
  return found != runs_.end() && found->second.hosts.contains(hosts);
}

bool run_book::folds(std::uint32_t run) const noexcept {
  auto found = runs_.find(run);
  return found != runs_.end() && found->second.folds;
}

std::uint32_t run_book::talk_of(std::uint32_t run) const noexcept {
  auto found = runs_.find(run);
  return found != runs_.end() ? found->second.talk : 0;
}

detail::index_ranges run_book::open_in(std::uint32_t talk) const {
  detail::index_ranges found;
  for (const auto& [run, known] : runs_)
    if (known.talk == talk) found |= known.hosts;
  return found;
}

std::vector<std::pair<std::uint32_t, detail::index_ranges>> run_book::open_on(
    const detail::index_ranges& hosts) const {
  std::vector<std::pair<std::uint32_t, detail::index_ranges>> found;
  for (const auto& [run, known] : runs_) {
    detail::index_ranges here = known.hosts & hosts;
    if (!here.empty()) found.emplace_back(run, std::move(here));
  }
  return found;
}

}  // namespace execo::agent
