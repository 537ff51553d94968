// One host of a put(): its receiver is a command like any other, over whatever transport there is.
//
//   state       meaning                                      leaves by
//   idle        not started                                  start: reaching
//   reaching    the receiver is on its way                   it runs: digesting or telling
//   digesting   the digest of the sources is not there yet   digest: telling; failure: concluding
//   telling     what comes is on its way to the receiver     all of that: asking, or sending if the
//                                                            answer was faster
//   asking      it knows what comes                          names: listing; ready: sending; other
//                                                            answers: concluding
//   listing     the names of the files are on their way      all of that: asking
//   sending     bytes are on their way                       the last one, a failure: concluding
//   concluding  the receiver checks and renames              its end: ended
//   ended       the result is final
//
// From each state the end of the receiver leads to ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "transfer/copy_execution.hpp"
#include "transfer/put_content.hpp"
#include "transfer/put_script.hpp"

namespace execo::detail {

class put_share : public copy_share {
 public:
  put_settings how;
};

class put_execution final : public copy_execution, private digest_waiter, private piece_waiter {
 public:
  /// `mark`: the one that the receiver was given.
  put_execution(loop& on, intrusive_ptr<lifecycle> receiver, std::shared_ptr<put_content> what,
                std::shared_ptr<put_share> shared, std::string mark);

  bool ended() const noexcept override { return state_ == state::ended; }

 private:
  enum class state : std::uint8_t {
    idle,
    reaching,
    digesting,
    telling,
    asking,
    listing,
    sending,
    concluding,
    ended,
  };

  void on_start() override;
  void on_begun() override;
  void on_answer(std::span<const char> bytes) override;
  // A shell may lose a signal that comes while it starts a program: the receiver gets the end of
  // its input as well, and removes what it has.
  void on_stopping(execution&) noexcept override;
  copy_failure judged() override;
  void let_go() noexcept override;
  void on_digest() noexcept override;
  void on_room() noexcept override;

  // What a host says it has.
  class host_list {
   public:
    std::size_t marks = 0;
    std::size_t left = 0;  // bytes that have not come
    std::string text;
  };

  bool asks() const noexcept;
  void tell();
  void told();
  void take_list(std::span<const char>& bytes);
  void answer(std::string_view line);
  void expect_list(host_list& list, const put_answer& of);
  void say_names();
  void choose();
  void begin_to_send();
  void send_next();
  void send_part();
  void on_written(std::size_t left, bool closed);
  void unanswered();
  void conclude() noexcept;
  void fail(copy_failure why) noexcept;
  void give_back() noexcept;
  template <class Call>
  void guarded(Call&& call) noexcept;

  std::shared_ptr<put_content> content_;
  std::shared_ptr<put_share> shared_;
  deadline_timer answer_;
  std::string header_;
  put_content::part part_;
  std::uint64_t offset_ = 0;                  // of the next byte to give to the transport
  std::optional<std::uint64_t> wanted_from_;  // as the receiver answered
  bool wants_names_ = false;                  // the same
  payload::form wanted_form_ = payload::form::archive;
  host_list old_;
  host_list kept_;
  host_list* list_ = nullptr;  // the one that comes
  std::optional<put_answer> last_;
  state state_ = state::idle;
};

}  // namespace execo::detail
