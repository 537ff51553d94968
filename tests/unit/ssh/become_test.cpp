#include "ssh/become.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ssh/become_watch.hpp"

namespace execo::detail {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using event = become_watch::event;

become_who who_by(become_method how) {
  become_who who;
  who.how = how;
  who.user = "root";
  who.login = "ops";
  who.host = "n1";
  return who;
}

// All that comes of it, byte by byte.
std::vector<event> feed(become_watch& watch, stream which, std::string_view bytes) {
  std::vector<event> seen;
  for (const char& byte : bytes) {
    if (watch.has_passed(which)) break;
    watch.add(which, std::span(&byte, 1));
    event now = watch.next(which);
    if (now != event::none) seen.push_back(now);
  }
  return seen;
}

TEST(become, a_text_has_no_mark_in_one_piece) {
  for (become_method how : {become_method::sudo, become_method::su, become_method::doas}) {
    become_marks marks = become_marks::random();
    std::string text = become_text(who_by(how), marks, "echo 'it''s'", true);
    for (const std::string& mark : {marks.begun, marks.prompt, marks.started})
      EXPECT_THAT(text, Not(HasSubstr(mark)));
  }
  EXPECT_NE(become_marks::random().prompt, become_marks::random().prompt);
}

TEST(become, prompt_and_start_are_found_wherever_the_bytes_are_cut) {
  become_who who = who_by(become_method::sudo);
  become_watch watch(who, false);
  const become_marks& marks = watch.marks();
  auto seen = feed(
      watch, stream::err,
      "noise\n" + marks.begun + "lecture\n" + marks.prompt + "\n" + marks.prompt + marks.started);
  EXPECT_EQ(seen, (std::vector<event>{event::prompt, event::prompt, event::started}));
  EXPECT_EQ(feed(watch, stream::out, "noise" + marks.prompt + marks.started),
            std::vector<event>{event::started});
}

TEST(become, what_comes_before_the_text_runs_is_no_prompt) {
  become_who who = who_by(become_method::su);
  become_watch watch(who, false);
  EXPECT_TRUE(feed(watch, stream::err, "Password: ").empty());
  EXPECT_FALSE(watch.is_question());
  EXPECT_EQ(feed(watch, stream::err, watch.marks().begun + "Password: ").size(), 1U);
}

TEST(become, the_command_s_own_words_are_no_prompt) {
  become_who who = who_by(become_method::su);
  become_watch watch(who, true);
  std::string all = watch.marks().begun + watch.marks().started + "Password: ";
  watch.add(stream::out, all);
  EXPECT_EQ(watch.next(stream::out), event::started);
  EXPECT_EQ(watch.take_rest(stream::out), "Password: ");
}

TEST(become, few_of_the_words_before_the_command_are_kept) {
  become_who who = who_by(become_method::sudo);
  become_watch watch(who, false);
  watch.add(stream::err, watch.marks().begun);
  EXPECT_EQ(watch.next(stream::err), event::none);
  std::string much(100'000, 'x');
  watch.add(stream::err, much);
  EXPECT_EQ(watch.next(stream::err), event::none);
  EXPECT_LE(watch.words().size(), 5000U);
  EXPECT_TRUE(watch.is_question());
}

TEST(become, each_message_has_a_line_of_its_own) {
  struct row {
    become_method how;
    std::string words;
    end_reason end;
    failure_reason reason;
    std::string text;
  };
  using enum become_method;
  const row rows[] = {
      {sudo, "sudo: 1 incorrect password attempt\n", end_reason::auth_failed,
       failure_reason::wrong_password, "n1: sudo does not accept the password of ops"},
      {su, "su: Authentication failure\n", end_reason::auth_failed, failure_reason::wrong_password,
       "n1: su does not accept the password of root"},
      {doas, "doas: Authentication failed\n", end_reason::auth_failed,
       failure_reason::wrong_password, "n1: doas does not accept the password of ops"},
      {sudo, "ops is not in the sudoers file.\n", end_reason::auth_failed, failure_reason::none,
       "n1: sudo does not let ops run this as root: the sudoers of the host (visudo)"},
      {sudo, "Sorry, user ops is not allowed to execute '/bin/sh' as root on n1.\n",
       end_reason::auth_failed, failure_reason::none, "n1: sudo does not let ops run this as root"},
      {doas, "doas: Operation not permitted\n", end_reason::auth_failed, failure_reason::none,
       "n1: doas does not let ops run this as root: its doas.conf would have to allow it"},
      {sudo, "sudo: sorry, you must have a tty to run sudo\n", end_reason::unsupported,
       failure_reason::none, "n1: sudo asks ops on a terminal only"},
      {sudo, "sudo: unknown user root\n", end_reason::auth_failed, failure_reason::none,
       "n1: there is no user root for ops to become"},
      {su,
       "su: user root does not exist or the user entry does not contain all the required "
       "fields\n",
       end_reason::auth_failed, failure_reason::none, "n1: there is no user root"},
      {sudo, "sh: 1: exec: sudo: not found\n", end_reason::unsupported, failure_reason::none,
       "n1: there is no sudo for ops: install it"},
      {sudo, "sudo: the moon is full\r\n", end_reason::auth_failed, failure_reason::none,
       "n1: sudo did not let ops become root, and ended with exit code 1: sudo: the moon is full"},
  };
  for (const row& r : rows) {
    become_end end;
    end.begun = true;
    end.answered = true;
    end.words = r.words;
    end.status = "exit code 1";
    failure why = why_not_become(who_by(r.how), end);
    EXPECT_EQ(why.how, r.end) << r.words;
    EXPECT_EQ(why.reason, r.reason) << r.words;
    EXPECT_THAT(why.context, HasSubstr(r.text));
  }
}

}  // namespace
}  // namespace execo::detail
