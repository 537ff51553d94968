#include "ssh/session_pool.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

#include "base/contain.hpp"
#include "execo/context.hpp"
#include "execo/time.hpp"
#include "loop/post_call.hpp"
#include "ssh/handshake.hpp"

namespace execo::detail {

namespace {

// What sessions that may take each other's place have in common.
std::string session_key(const ssh_environment& of, const std::string& name, int port,
                        const std::string& user) {
  return std::to_string(reinterpret_cast<std::uintptr_t>(&of)) + ' ' + std::to_string(port) + ' ' +
         user + '\0' + name;
}

// Of what ssh_config says of each host, mostly. Names of files that an action gives may differ for
// the same files.
std::size_t environment_hash(const ssh_options& options, const connection_settings& also) {
  std::string text = options.user + '\n' + options.proxy_command + '\n' + also.key_alias;
  for (const std::string& hop : options.jump) text += '\n' + hop;
  for (const std::string& file : also.known_hosts) text += '\n' + file;
  if (also.identities)
    for (const std::string& file : *also.identities) text += '\n' + file;
  return std::hash<std::string>()(text);
}

}  // namespace

session_pool::~session_pool() { assert(!kept_.linked() && !closing_.linked()); }

std::shared_ptr<ssh_environment> session_pool::environment_for(const ssh_options& options,
                                                               const ssh_caller& by,
                                                               const connection_settings& also) {
  if (environments_.size() >= sweep_at_) {
    std::erase_if(environments_, [](const auto& each) { return each.second.expired(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * environments_.size());
  }
  std::size_t hash = environment_hash(options, also);
  auto [first, end] = environments_.equal_range(hash);
  for (auto at = first; at != end; ++at) {
    std::shared_ptr<ssh_environment> known = at->second.lock();
    if (!known || !known->serves(options, by, also)) continue;
    known->refresh();
    return known;
  }
  auto made = std::make_shared<ssh_environment>(loop_, options, by, also);
  if (options.reuse) environments_.emplace(hash, made);
  return made;
}

// One without a command, the one last used, else the one with the fewest, else one that is being
// made.
pooled_session* session_pool::find(const std::string& key) {
  auto rank = [](const pooled_session& s) {
    if (s.use_ == pooled_session::use::idle) return 0;
    return s.standing_ == session_lease::standing::established ? 1 : 2;
  };
  auto is_better = [&rank](const pooled_session& a, const pooled_session& b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return rank(a) == 0 ? a.since_ > b.since_ : a.lease_count_ < b.lease_count_;
  };
  auto [first, end] = by_key_.equal_range(key);
  pooled_session* best = nullptr;
  for (auto at = first; at != end; ++at) {
    pooled_session* s = at->second;
    if (s->may_join() && (best == nullptr || is_better(*s, *best))) best = s;
  }
  return best;
}

std::unique_ptr<session_lease> session_pool::acquire(const std::shared_ptr<ssh_environment>& shared,
                                                     const std::string& name, int port,
                                                     const std::string& user,
                                                     channel_owner& owner) {
  if (!shared->reuse) return acquire_new(shared, name, port, user, owner);
  pooled_session* found = find(session_key(*shared, name, port, user));
  if (found == nullptr) return acquire_new(shared, name, port, user, owner);
  auto lease = std::make_unique<session_lease>(*found, owner);
  if (found->use_ == pooled_session::use::idle) take(*found);
  found->join(*lease);
  return lease;
}

std::unique_ptr<session_lease> session_pool::acquire_new(
    const std::shared_ptr<ssh_environment>& shared, const std::string& name, int port,
    const std::string& user, channel_owner& owner) {
  std::string key;
  if (shared->reuse) key = session_key(*shared, name, port, user);
  auto made = std::make_unique<pooled_session>(*this, shared, key, name, port, user);
  auto lease = std::make_unique<session_lease>(*made, owner);
  lease->first_ = true;
  if (shared->reuse) by_key_.emplace(std::move(key), made.get());
  made.release()->join(*lease);
  return lease;
}

std::unique_ptr<session_lease> session_pool::acquire_hop(
    const std::shared_ptr<ssh_environment>& shared, const std::string& name, int port,
    const std::string& user, const deadlines& limits) {
  std::string key = "hop " + session_key(*shared, name, port, user);
  pooled_session* found = find(key);
  if (found == nullptr) {
    auto made = std::make_unique<pooled_session>(*this, shared, key, name, port, user);
    made->serve_as_hop(limits);
    by_key_.emplace(std::move(key), made.get());
    found = made.release();
  }
  auto lease = std::make_unique<session_lease>(*found);
  if (found->use_ == pooled_session::use::idle) take(*found);
  found->join(*lease);
  return lease;
}

std::unique_ptr<session_lease> session_pool::acquire_own_hop(
    const std::shared_ptr<ssh_environment>& shared, const std::string& name, int port,
    const std::string& user, const deadlines& limits) {
  auto made = std::make_unique<pooled_session>(*this, shared, std::string(), name, port, user);
  made->serve_as_hop(limits);
  auto lease = std::make_unique<session_lease>(*made);
  made.release()->join(*lease);
  return lease;
}

void session_pool::give_back(std::unique_ptr<session_lease> lease, handback why) noexcept {
  pooled_session& of = lease->of_;
  if (why == handback::given_up) {
    of.has_strays_ = of.has_strays_ || lease->channel().requested();
    of.seal();
  }
  of.leave(*lease);
  lease.reset();
  if (of.lease_count_ == 0 && !keep(of)) of.close();
}

void session_pool::learn_limit(const session_lease& refused, refusal of) noexcept {
  const pooled_session& s = refused.of_;
  unsigned taken = of == refusal::channel ? s.open_channels() : 1;
  // Without memory it is learnt again.
  contain(
      [&] {
        if (limits_.size() >= max_limits) limits_.clear();
        limits_[s.key_] = std::max(taken, 1U);
      },
      [](const std::exception_ptr&) {});
}

unsigned session_pool::max_commands(const std::string& key) const noexcept {
  auto known = limits_.find(key);
  return known == limits_.end() ? max_commands_at_first : known->second;
}

// False: it is to be closed.
bool session_pool::keep(pooled_session& s) noexcept {
  using use = pooled_session::use;
  remote_session& of = s.session_;
  bool is_good =
      s.use_ == use::open && of.shared().reuse && of.authenticated() && !of.closing() && !of.lost();
  if (!is_good || by_key_.count(s.key_) > max_per_host) return false;
  std::size_t most = limit(of.shared());
  if (most == 0) return false;
  s.use_ = use::idle;
  s.since_ = loop_.read_clock();
  link(s, kept_);
  ++idle_count_;
  duration time = of.shared().idle_close;
  if (time.count() > 0) loop_.arm_after(s.expiry_, time);
  while (idle_count_ > most && close_oldest()) continue;
  return true;
}

void session_pool::take(pooled_session& s) noexcept {
  loop_.disarm(s.expiry_);
  --idle_count_;
  unlink(s);
}

void session_pool::link(pooled_session& s, list_node& to) noexcept {
  if (!loop_member::linked()) loop_.adopt(*this);
  s.link_before(to);
}

void session_pool::unlink(pooled_session& s) noexcept {
  s.unlink();
  if (!kept_.linked() && !closing_.linked()) loop_member::unlink();
}

// A quarter of the descriptors at most, and this ring's part of what the options allow.
std::size_t session_pool::limit(const ssh_environment& of) const noexcept {
  std::size_t possible = of.max_idle;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
    possible = std::min<std::size_t>(possible, files.rlim_cur / 4);
  return possible / loop_.rings().size();
}

bool session_pool::close_oldest() noexcept {
  if (kept_.linked()) {
    static_cast<pooled_session&>(*kept_.next()).close();
    return true;
  }
  if (!spare_.linked()) return false;
  auto& other = static_cast<spare_holder&>(*spare_.next());
  other.unlink();
  other.give_way();
  return true;
}

std::size_t session_pool::spare_descriptors() const noexcept {
  std::size_t found = 0;
  for (const list_node* n = spare_.next(); n != &spare_; n = n->next())
    found += static_cast<const spare_holder&>(*n).descriptors();
  return found;
}

void session_pool::closing(pooled_session& s) noexcept {
  loop_.disarm(s.expiry_);
  // It is in the list of those that are kept, or in none.
  if (s.linked()) --idle_count_;
  link(s, closing_);
  auto [first, end] = by_key_.equal_range(s.key_);
  auto at = std::find_if(first, end, [&s](const auto& each) { return each.second == &s; });
  if (at != end) by_key_.erase(at);
}

void session_pool::closed(pooled_session& s) noexcept {
  unlink(s);
  delete &s;
}

void session_pool::shut_down() noexcept {
  while (close_oldest()) continue;
}

void session_pool::describe(std::vector<std::string>& lines, clock::time_point now) const {
  for (const list_node* n = kept_.next(); n != &kept_; n = n->next()) {
    const auto& s = static_cast<const pooled_session&>(*n);
    lines.push_back("session " + s.session_.name() + ":" + std::to_string(s.session_.port()) +
                    " as " + s.session_.user() + ", kept, idle for " +
                    format_duration(std::max(now - s.since_, clock::duration(0))));
  }
}

}  // namespace execo::detail

namespace execo {

void close_idle_connections(context& of) {
  for (detail::loop* ring : detail::loop_of(of).rings())
    detail::post_call(*ring, [ring] { ring->service<detail::session_pool>().close_idle(); });
}

}  // namespace execo
