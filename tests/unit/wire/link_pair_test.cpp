// Two ends that talk at random, over a pipe that cuts bytes anywhere: whatever happens, nobody has
// more on its way than the credit, and all of it arrives in order.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>

#include "long_count.hpp"
#include "random_bytes.hpp"
#include "unit/wire/link_ends.hpp"
#include "wire/link.hpp"

namespace execo::test {
namespace {

using detail::index_ranges;
using detail::link;
using detail::link_state;
using detail::send_result;

// Data frames up or down with a number in them; the other end counts.
class talker {
 public:
  talker(link& end, bool sends_output, std::uint64_t seed)
      : end_(end), sends_output_(sends_output), random_(seed) {}

  void say_some(int wanted) {
    for (int i = 0; i < wanted; ++i) {
      const bool is_data = random_() % 3 != 0;
      std::uint64_t& number = is_data ? data_said : control_said;
      if (say(is_data, number) != send_result::queued) return;
      ++number;
    }
  }
  send_result say(bool is_data, std::uint64_t number) {
    const std::string bytes = std::to_string(number) + ' ' + std::string(random_() % 3'000, 'x');
    if (!is_data) {
      detail::credit_message credit;
      credit.run = 1;
      credit.host = 5;
      credit.data = static_cast<std::uint32_t>(number + 1);
      return end_.send(credit);
    }
    if (sends_output_) return end_.send(some_output(5, bytes));
    detail::input_message input;
    input.run = 1;
    input.hosts = index_ranges(5);
    input.bytes = bytes;
    return end_.send(input);
  }
  void hear(const received_frame& f) {
    if (const auto credit = detail::credit_message::decode(f.view())) {
      ASSERT_EQ(credit->data, ++control_heard);
      return;
    }
    std::string_view bytes;
    const auto output = detail::output_message::decode(f.view());
    const auto input = detail::input_message::decode(f.view());
    if (output) bytes = output->bytes;
    if (input) bytes = input->bytes;
    ASSERT_TRUE(output || input);
    ASSERT_EQ(std::stoull(std::string(bytes)), data_heard++);
  }

  std::uint64_t data_said = 0, control_said = 0;
  std::uint64_t data_heard = 0, control_heard = 0;

 private:
  link& end_;
  bool sends_output_;
  std::mt19937_64 random_;
};

class random_pipe {
 public:
  explicit random_pipe(std::mt19937_64& random) : random_(random) {}

  void carry(link& from, link& to, talker& ear) {
    const std::string_view ready = from.output();
    const std::size_t some = ready.empty() ? 0 : 1 + random_() % ready.size();
    bytes_ += ready.substr(0, some);
    from.written(some, start_of_link);
    const std::string part = bytes_.substr(0, random_() % (bytes_.size() + 1));
    bytes_.erase(0, part.size());
    for (const received_frame& f : give(to, part)) ear.hear(f);
  }

 private:
  std::mt19937_64& random_;
  std::string bytes_;
};

void talk(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  detail::welcome_message welcome = some_welcome();
  welcome.link_window = 1 + static_cast<std::uint32_t>(random() % 20'000);
  link_ends ends(welcome);
  talker above(ends.parent, false, random());
  talker below(ends.child, true, random());
  random_pipe down(random);
  random_pipe up(random);
  const std::uint64_t most = welcome.link_window + detail::frame_body_limit;
  auto step = [&](bool says) {
    if (says) above.say_some(static_cast<int>(random() % 4));
    if (says) below.say_some(static_cast<int>(random() % 4));
    down.carry(ends.parent, ends.child, below);
    up.carry(ends.child, ends.parent, above);
    if (random() % 2 == 0) ends.parent.grant();
    if (random() % 3 == 0) ends.child.grant();
    ASSERT_EQ(ends.parent.state(), link_state::open) << ends.parent.fault_words();
    ASSERT_EQ(ends.child.state(), link_state::open) << ends.child.fault_words();
    ASSERT_LE(ends.parent.owed(), most);
    ASSERT_LE(ends.child.owed(), most);
  };
  auto is_done = [&] {
    return above.data_heard == below.data_said && below.data_heard == above.data_said &&
           above.control_heard == below.control_said && below.control_heard == above.control_said;
  };
  for (int i = 0; i < 300 && !::testing::Test::HasFatalFailure(); ++i) step(true);
  for (int i = 0; i < 100'000 && !is_done() && !::testing::Test::HasFatalFailure(); ++i)
    step(false);
  EXPECT_TRUE(is_done()) << "seed " << seed;
  EXPECT_GT(above.data_said + below.data_said, 100U);
}

TEST(link_pairs, keep_to_their_credit_and_always_drain) {
  for (int seed = 0; seed < long_count(1'000) && !HasFatalFailure(); ++seed)
    talk(static_cast<std::uint64_t>(seed));
}

}  // namespace
}  // namespace execo::test
