#include "ssh/code_question.hpp"

#include <memory>
#include <utility>

#include "base/contain.hpp"
#include "base/secret_store.hpp"
#include "ssh/question_thread.hpp"

namespace execo::detail {

class code_question::job final : public helper_job {
 public:
  job(code_question& who, const secret_prompt& whom, std::string key_file, std::string text)
      : owner(&who), whom_(whom), key_file_(std::move(key_file)), text_(std::move(text)) {}
  ~job() override {
    if (owner != nullptr) owner->job_ = nullptr;
  }

  code_question* owner;  // null: it is gone

 private:
  void work() noexcept override {
    contain([this] { answer_ = find_answer(); }, [](const std::exception_ptr&) {});
  }
  std::optional<secret> find_answer() const {
    if (key_file_.empty()) return secret_store::ask_once(whom_, text_);
    return secret_store::find(whom_, key_file_, text_, [](const secret&) { return true; });
  }
  void finished() noexcept override {
    if (owner == nullptr) return;
    code_question& who = *std::exchange(owner, nullptr);
    who.job_ = nullptr;
    who.answer = std::move(answer_);
    who.open_.close();
    who.answered_();
  }

  const secret_prompt whom_;
  const std::string key_file_;  // empty: none
  const std::string text_;
  std::optional<secret> answer_;
};

code_question::code_question(loop& on, delegate<> answered) noexcept
    : loop_(on), answered_(answered), open_(on.service<user_pause>()) {}

code_question::~code_question() {
  if (job_ != nullptr) job_->owner = nullptr;
}

void code_question::put(const secret_prompt& whom, std::string key_file, std::string text) {
  answer.reset();
  auto made = std::make_unique<job>(*this, whom, std::move(key_file), std::move(text));
  job_ = made.get();
  loop_.service<question_thread>().threads.submit(std::move(made));
  open_.open();
}

}  // namespace execo::detail
