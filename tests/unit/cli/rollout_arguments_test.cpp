#include "cli/rollout_arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run_options.hpp"
#include "command_line/usage_error.hpp"
#include "execo/ndjson.hpp"
#include "results.hpp"

namespace execo::cli {
namespace {

using namespace std::chrono_literals;
using command_line::usage_error;
using testing::HasSubstr;
using testing::Not;

run_options parse(std::vector<const char*> words) {
  words.insert(words.end(), {"-w", "n[1-200]", "true"});
  return *parse_run(words);
}

std::string complaint(std::vector<const char*> words) {
  try {
    (void)parse(std::move(words));
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

TEST(rollout_arguments, are_numbers_or_percentages) {
  const rollout_arguments all =
      parse({"--batch", "10%", "--canary", "3", "--max-fail", "1.5%", "--max-fail-in-batch", "0",
             "--soak", "2m", "--batch-deadline", "1h", "--on-stop", "kill"})
          .batches;
  EXPECT_TRUE(all.given());
  EXPECT_EQ(all.batch->of(200), 20U);
  EXPECT_EQ(all.canary->of(200), 3U);
  EXPECT_EQ(all.max_fail->of(200), 3U);
  EXPECT_EQ(all.max_fail_in_batch->of(200), 0U);
  EXPECT_EQ(*all.soak, 2min);
  EXPECT_EQ(*all.deadline, 1h);
  EXPECT_EQ(*all.on_stop, rollout_stop::kill);
  EXPECT_FALSE(parse({}).batches.given());
}

TEST(rollout_arguments, that_are_mistakes_say_so) {
  EXPECT_THAT(complaint({"--batch", "0"}), HasSubstr("--batch '0': a batch has a host at least"));
  EXPECT_THAT(complaint({"--batch", "0%"}), HasSubstr("a batch has a host at least"));
  for (const char* bad : {"101%", "x%", "%", "1e1%", "nan%", "inf%"})
    EXPECT_THAT(complaint({"--max-fail", bad}), HasSubstr("expected a percentage")) << bad;
  EXPECT_THAT(complaint({"--canary", "x"}), HasSubstr("expected a number"));
  EXPECT_THAT(complaint({"--on-stop", "drop"}), HasSubstr("choose from drain, kill"));
  for (const char* alone : {"--soak", "--batch-deadline"})
    EXPECT_THAT(complaint({alone, "1s"}),
                HasSubstr(std::string(alone) + " is for hosts in batches: add --batch N"));
  EXPECT_THAT(complaint({"--on-stop", "kill"}), HasSubstr("--on-stop is for hosts in batches"));
}

TEST(rollout_arguments, come_beside_attempts) {
  run_options o = parse({"--retry-command", "3", "--idempotent"});
  EXPECT_EQ(o.command_retries, 3U);
  EXPECT_TRUE(o.idempotent);
  EXPECT_EQ(parse({}).command_retries, 0U);
  EXPECT_THAT(complaint({"--idempotent"}), HasSubstr("add --retry-command N"));
}

TEST(rollout_arguments, let_a_line_of_json_tell_attempts_if_there_were_several) {
  host_result r = test::exited("n1", 0, 0);
  EXPECT_THAT(to_ndjson(r), Not(HasSubstr("attempts")));
  r.attempts = 3;
  EXPECT_THAT(to_ndjson(r), HasSubstr(R"("attempts":3)"));
}

}  // namespace
}  // namespace execo::cli
