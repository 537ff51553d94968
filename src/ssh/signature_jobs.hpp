// What ends in a signature: by a key that is here, or by an ssh agent that is asked for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "loop/loop.hpp"
#include "ssh/login_offers.hpp"

namespace execo::detail {

/// Those of one loop. Each goes on in a turn of the loop after it has news.
class signature_jobs : public ref_counted {
 public:
  ~signature_jobs() override;

  /// None is delivered any more.
  void forget() noexcept;

 protected:
  class job;

  explicit signature_jobs(loop& on);

  /// It begins soon, not from inside this call.
  void add(std::unique_ptr<job> one);

 private:
  void go_on_soon() noexcept;
  void go_on();

  loop& loop_;
  std::vector<std::unique_ptr<job>> jobs_;
  queue_node step_;
  bool step_queued_ = false;
};

/// listing -> signing -> answered, or listing -> answered: the plan of what there is to sign with
/// is being made; an agent was asked; all is known.
class signature_jobs::job {
 public:
  job(signature_jobs& of, std::shared_ptr<login_offers> by);
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  virtual ~job();

  /// True, once, if there may be more to do: a new one has news.
  bool take_news() noexcept;
  /// True: it is answered. What it throws is an answer as well.
  bool go_on();
  /// Pre: it is answered.
  virtual void deliver() = 0;

 protected:
  /// With the plan. True: it is answered; else an agent was asked.
  virtual bool begin() = 0;
  /// Of the agent; empty: it has not signed. True: it is answered.
  virtual bool end(const std::string& signature) = 0;

  const login_plan& plan() const noexcept { return *plan_; }
  login_offers& offers() const noexcept { return *offers_; }
  /// Why an agent has not signed; empty: it was not asked, or did not say.
  const std::string& problem_of_agent() const noexcept { return question_.problem; }
  /// `flags`: as in a request of the agent's protocol. False, as there is no answer yet.
  bool ask_agent(const login_offer& by, const std::string& data, std::uint32_t flags);

 private:
  enum class state : std::uint8_t { listing, signing };

  void note();

  signature_jobs& of_;
  const std::shared_ptr<login_offers> offers_;
  std::shared_ptr<const login_plan> plan_;  // null: it is being made
  login_offers::waiter listed_;
  agent_question question_;
  state state_ = state::listing;
  bool has_news_ = true;
};

}  // namespace execo::detail
