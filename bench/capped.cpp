// Memory of many processes that write without end, each captured with a cap: the first and the last
// half of it kept, the rest counted. Each writes lines of one text, so that every byte follows from
// its place: what was kept is compared, and with it the count of what was dropped, modulo the
// period.
//
//   capped [--count N] [--seconds N] [--kib N]
#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>

#include "measure.hpp"

namespace {

const std::string line = "abcdefghijklmnopqrstuvwxyz0123456789";

void fail(const char* what) {
  std::fprintf(stderr, "capped: %s\n", what);
  std::exit(1);
}

bool follows(std::string_view bytes, std::uint64_t from) {
  const std::string text = line + "\n";
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != text[(from + i) % text.size()]) return false;
  return true;
}

struct totals {
  std::uint64_t bytes = 0, dropped = 0, least = ~std::uint64_t{0}, most = 0;
  int right = 0;
};

execo::task<> one(std::size_t cap, int seconds, totals& sum) {
  auto to = execo::capture(cap, execo::overflow::head_and_tail());
  auto endless = execo::process("yes").args(line).out(to).timeout(std::chrono::seconds(seconds));
  execo::result r = co_await std::move(endless).run();
  if (r.how() != execo::end_reason::timed_out || !r.output_complete()) fail("it did not run on");
  std::uint64_t total = r.out_bytes();
  sum.bytes += total;
  sum.dropped += r.out_dropped();
  sum.least = std::min(sum.least, total);
  sum.most = std::max(sum.most, total);
  std::string_view kept = r.out;
  std::size_t half = cap / 2;
  bool right = kept.size() == cap && r.out_dropped() == total - cap &&
               follows(kept.substr(0, half), 0) && follows(kept.substr(half), total - half);
  if (right) ++sum.right;
}

execo::task<> all(int count, std::size_t cap, int seconds, totals& sum) {
  std::vector<execo::task<>> runs;
  for (int i = 0; i < count; ++i) runs.push_back(one(cap, seconds, sum));
  co_await execo::when_all(std::move(runs));
}

}  // namespace

int main(int argc, char** argv) {
  int count = 100, seconds = 3, kib = 64;
  for (int i = 1; i + 1 < argc; i += 2) {
    int value = std::atoi(argv[i + 1]);
    if (value <= 0) fail("options take a positive number");
    if (std::strcmp(argv[i], "--count") == 0) {
      count = value;
    } else if (std::strcmp(argv[i], "--seconds") == 0) {
      seconds = value;
    } else if (std::strcmp(argv[i], "--kib") == 0) {
      kib = value;
    } else {
      fail("options: --count N, --seconds N, --kib N");
    }
  }
  totals sum;
  execo::context where;
  std::size_t before = bench::status_bytes("VmRSS");
  execo::sync_wait(where, all(count, static_cast<std::size_t>(kib) << 10, seconds, sum));
  std::printf("yes in %d processes for %d s, cap %d KiB, %s\n", count, seconds, kib,
              where.backend().c_str());
  std::printf("resident: %.1f MiB before, %.1f MiB at most\n", bench::mib(before),
              bench::mib(bench::status_bytes("VmHWM")));
  std::printf("%d of %d right: first half, last half, count of dropped bytes\n", sum.right, count);
  std::printf("%.0f MiB came (%.1f-%.1f each), %.0f MiB of them dropped\n", bench::mib(sum.bytes),
              bench::mib(sum.least), bench::mib(sum.most), bench::mib(sum.dropped));
  return sum.right == count ? 0 : 1;
}
