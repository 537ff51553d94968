#include "ssh/signature_jobs.hpp"

#include <chrono>
#include <utility>

#include "base/contain.hpp"
#include "ssh/agent_client.hpp"
#include "ssh/agent_protocol.hpp"

namespace execo::detail {
namespace {

constexpr auto signature_limit = std::chrono::minutes(1);

}  // namespace

signature_jobs::job::job(signature_jobs& of, std::shared_ptr<login_offers> by)
    : of_(of),
      offers_(std::move(by)),
      listed_(delegate<>::to<&job::note>(this)),
      question_(delegate<>::to<&job::note>(this)) {}

signature_jobs::job::~job() = default;

bool signature_jobs::job::take_news() noexcept { return std::exchange(has_news_, false); }

void signature_jobs::job::note() {
  has_news_ = true;
  of_.go_on_soon();
}

bool signature_jobs::job::go_on() {
  if (!plan_) plan_ = offers_->ask(listed_);
  if (!plan_) return false;
  if (state_ == state::listing) return begin();
  if (question_.pending()) return false;
  std::string signature;
  bool is_good =
      !question_.answer.empty() && read_signature(question_.answer, signature) == agent_reply::good;
  return end(is_good ? signature : std::string());
}

bool signature_jobs::job::ask_agent(const login_offer& by, const std::string& data,
                                    std::uint32_t flags) {
  signature_request request;
  request.key = by.signer;
  request.data = data;
  request.flags = flags;
  state_ = state::signing;
  offers_->agent().ask(question_, sign_request(request), signature_limit);
  return false;
}

signature_jobs::signature_jobs(loop& on)
    : loop_(on), step_(delegate<>::to<&signature_jobs::go_on>(this)) {}

signature_jobs::~signature_jobs() = default;

void signature_jobs::forget() noexcept { jobs_.clear(); }

void signature_jobs::add(std::unique_ptr<job> one) {
  jobs_.push_back(std::move(one));
  go_on_soon();
}

void signature_jobs::go_on_soon() noexcept {
  if (std::exchange(step_queued_, true)) return;
  retain();
  loop_.defer(step_);
}

// Who is answered may ask again, or forget all.
void signature_jobs::go_on() {
  intrusive_ptr<signature_jobs> alive(this);
  release();
  step_queued_ = false;
  std::vector<std::unique_ptr<job>> answered;
  for (std::unique_ptr<job>& one : jobs_) {
    if (!one->take_news()) continue;
    bool is_over = true;
    contain([&] { is_over = one->go_on(); }, [](const std::exception_ptr&) {});
    if (is_over) answered.push_back(std::move(one));
  }
  std::erase(jobs_, nullptr);
  for (const std::unique_ptr<job>& one : answered)
    contain([&] { one->deliver(); }, [](const std::exception_ptr&) {});
}

}  // namespace execo::detail
