#include "ssh/session_pool.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "execo/context.hpp"
#include "execo/time.hpp"
#include "loop/post_call.hpp"
#include "ssh/handshake.hpp"

namespace execo::detail {

std::string session_key(const ssh_environment& of, const std::string& name, int port,
                        const std::string& user) {
  return std::to_string(reinterpret_cast<std::uintptr_t>(&of)) + ' ' + std::to_string(port) + ' ' +
         user + '\0' + name;
}

// -- a session -----------------------------------------------------------------------------------

pooled_session::pooled_session(std::shared_ptr<ssh_environment> shared, std::string name, int port,
                               std::string user)
    : session_(std::move(shared), std::move(name), port, std::move(user), *this),
      clearing_(delegate<>::to<&pooled_session::cleared>(this)),
      expiry_(delegate<>::to<&pooled_session::expired>(this), "idle connection"),
      trusted_by_(session_.shared().host_keys.version()) {}

void pooled_session::serve(session_owner& owner, channel_owner& output) {
  assert(!session_.busy() && (!channel_ || channel_->over()));
  use_ = use::leased;
  channel_.emplace(session_, output);
  session_.serve(owner);
}

void pooled_session::retire(session_pool& by) {
  pool_ = &by;
  session_.serve(*this);
  channel_->serve(*this);
  use_ = channel_->over() ? use::idle : use::retiring;
  since_ = by.loop_.read_clock();
  duration limit = session_.shared().idle_close;
  if (limit.count() > 0) by.loop_.arm_after(expiry_, limit);
  if (use_ == use::retiring) channel_->retire();
}

void pooled_session::close() noexcept {
  if (use_ == use::closing) return;
  use_ = use::closing;
  pool_->forget_key(*this);
  pool_->loop_.disarm(expiry_);
  unlink();
  link_before(pool_->closing_);
  session_.close();
}

// Known hosts that were read again since may have revoked its key.
bool pooled_session::is_trusted() {
  const host_key_store& keys = session_.shared().host_keys;
  if (trusted_by_ == keys.version()) return true;
  failure why;
  if (!check_host_key(session_, why)) return false;
  trusted_by_ = keys.version();
  return true;
}

bool pooled_session::may_serve() {
  return use_ == use::idle && !session_.busy() && !session_.closing() && channel_->over() &&
         session_.authenticated() && !session_.lost() && is_trusted();
}

// What the server does with our close it has done when it answers.
void pooled_session::channel_closed() {
  if (use_ != use::retiring) return;
  if (session_.shared().channels_end_late) {
    session_.ask(clearing_);
  } else {
    use_ = use::idle;
  }
}

void pooled_session::session_closed() { pool_->closed(*this); }

// -- the pool ------------------------------------------------------------------------------------

session_pool::~session_pool() { assert(!kept_.linked() && !closing_.linked()); }

std::shared_ptr<ssh_environment> session_pool::environment_for(const ssh_options& options,
                                                               const ssh_caller& by) {
  std::erase_if(environments_, [](const auto& each) { return each.expired(); });
  for (const std::weak_ptr<ssh_environment>& each : environments_) {
    std::shared_ptr<ssh_environment> known = each.lock();
    if (!known->serves(options, by)) continue;
    known->refresh();
    return known;
  }
  auto made = std::make_shared<ssh_environment>(loop_, options, by);
  if (options.reuse) environments_.push_back(made);
  return made;
}

std::unique_ptr<pooled_session> session_pool::take(const std::string& key) {
  auto [first, end] = by_key_.equal_range(key);
  pooled_session* latest = nullptr;
  for (auto at = first; at != end; ++at) {
    pooled_session* s = at->second;
    if (s->may_serve() && (latest == nullptr || s->since_ > latest->since_)) latest = s;
  }
  if (latest == nullptr) return nullptr;
  latest->use_ = pooled_session::use::leased;
  forget_key(*latest);
  loop_.disarm(latest->expiry_);
  latest->unlink();
  if (!kept_.linked() && !closing_.linked()) loop_member::unlink();
  return std::unique_ptr<pooled_session>(latest);
}

pooled_session& session_pool::adopt(std::unique_ptr<pooled_session> s) {
  if (!loop_member::linked()) loop_.adopt(*this);
  s->link_before(kept_);
  return *s.release();
}

void session_pool::keep(std::unique_ptr<pooled_session> s) noexcept {
  remote_session& of = s->session_;
  std::size_t most = limit(of.shared());
  bool listed = false;
  // Without memory it is not kept.
  contain(
      [&] {
        s->key_ = session_key(of.shared(), of.name(), of.port(), of.user());
        if (most == 0 || by_key_.count(s->key_) >= max_per_host) return;
        by_key_.emplace(s->key_, s.get());
        listed = true;
      },
      [](const std::exception_ptr&) {});
  if (!listed) return discard(std::move(s));
  adopt(std::move(s)).retire(*this);
  while (by_key_.size() > most && close_oldest()) continue;
}

void session_pool::discard(std::unique_ptr<pooled_session> s) noexcept {
  pooled_session& unwanted = adopt(std::move(s));
  unwanted.pool_ = this;
  unwanted.session_.serve(unwanted);
  unwanted.channel_->serve(unwanted);
  unwanted.close();
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
  if (!kept_.linked()) return false;
  static_cast<pooled_session&>(*kept_.next()).close();
  return true;
}

void session_pool::forget_key(pooled_session& s) noexcept {
  auto [first, end] = by_key_.equal_range(s.key_);
  auto at = std::find_if(first, end, [&s](const auto& each) { return each.second == &s; });
  if (at != end) by_key_.erase(at);
}

void session_pool::closed(pooled_session& s) noexcept {
  s.unlink();
  delete &s;
  if (!kept_.linked() && !closing_.linked()) loop_member::unlink();
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
