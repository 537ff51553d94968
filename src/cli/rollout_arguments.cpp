#include "rollout_arguments.hpp"

#include <charconv>
#include <string_view>

#include "command_line/usage_error.hpp"
#include "command_line/values.hpp"

namespace execo::cli {

using command_line::usage_error;

host_share number_or_percent(const command_line::given_option& given) {
  constexpr std::size_t most = 1'000'000;
  if (!given.value.ends_with('%')) return command_line::number(given, 0, most);
  double p = 0;
  const char* end = given.value.data() + given.value.size() - 1;
  auto [stopped, error] = std::from_chars(given.value.data(), end, p, std::chars_format::fixed);
  if (error != std::errc() || stopped != end || !(p >= 0 && p <= 100))
    command_line::refuse(given, "expected a percentage from 0% to 100%");
  return percent(p);
}

void rollout_arguments::check() const {
  if (given()) return;
  std::string_view what;
  if (on_stop) what = "--on-stop";
  if (deadline) what = "--batch-deadline";
  if (soak) what = "--soak";
  if (!what.empty())
    throw usage_error(fmt::format("{} is for hosts in batches: add --batch N or --canary N", what));
}

void rollout_arguments::configure(rollout& to) const {
  if (batch) to.batch(*batch);
  if (canary) to.canary(*canary);
  if (max_fail) to.max_fail(*max_fail);
  if (max_fail_in_batch) to.max_fail_in_batch(*max_fail_in_batch);
  if (soak) to.soak(*soak);
  if (deadline) to.batch_deadline(*deadline);
  if (on_stop) to.on_stop(*on_stop);
}

}  // namespace execo::cli
