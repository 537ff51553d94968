// Which regular expression library serves expect: std::regex, RE2 and PCRE2 (with its JIT compiler)
// under the incremental search of the library, in 4 KiB pieces. Each row runs in a child of its
// own, since one of them overflows its stack on long lines and another takes longer than anybody
// waits.
//
//   expect [--rounds N] [--mib N]
#include <re2/re2.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <execo/detail/incremental_search.hpp>
#include <memory>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#ifdef EXECO_BENCH_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif

#include "measure.hpp"

namespace {

using execo::detail::incremental_search;
using execo::detail::text_match;

class with_std {
 public:
  explicit with_std(const char* pattern)
      : compiled_(pattern, std::regex::ECMAScript | std::regex::optimize) {}
  bool search(std::string_view text, std::size_t from, text_match& to) const {
    std::cmatch found;
    auto how =
        from > 0 ? std::regex_constants::match_prev_avail : std::regex_constants::match_default;
    if (!std::regex_search(text.data() + from, text.data() + text.size(), found, compiled_, how))
      return false;
    to.count = found.size();
    for (std::size_t i = 0; i < to.count; ++i) {
      to.ranges[i].begin = from + static_cast<std::size_t>(found.position(i));
      to.ranges[i].end = to.ranges[i].begin + static_cast<std::size_t>(found.length(i));
    }
    return true;
  }

 private:
  std::regex compiled_;
};

class with_re2 {
 public:
  explicit with_re2(const char* pattern)
      : compiled_(std::make_unique<re2::RE2>(pattern, re2::RE2::Latin1)) {}
  bool search(std::string_view text, std::size_t from, text_match& to) const {
    std::array<re2::StringPiece, execo::detail::max_groups + 1> found;
    int count = compiled_->NumberOfCapturingGroups() + 1;
    if (!compiled_->Match(re2::StringPiece(text.data(), text.size()), from, text.size(),
                          re2::RE2::UNANCHORED, found.data(), count))
      return false;
    to.count = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < to.count; ++i) {
      to.ranges[i].begin = static_cast<std::size_t>(found[i].data() - text.data());
      to.ranges[i].end = to.ranges[i].begin + found[i].size();
    }
    return true;
  }

 private:
  std::unique_ptr<re2::RE2> compiled_;
};

#ifdef EXECO_BENCH_PCRE2
class with_pcre2 {
 public:
  explicit with_pcre2(const char* pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    compiled_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, 0,
                                  &error, &at, nullptr));
    if (compiled_ == nullptr || pcre2_jit_compile(compiled_.get(), PCRE2_JIT_COMPLETE) != 0)
      std::abort();
    data_.reset(pcre2_match_data_create_from_pattern(compiled_.get(), nullptr));
  }
  bool search(std::string_view text, std::size_t from, text_match& to) const {
    int count = pcre2_match(compiled_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                            from, 0, data_.get(), nullptr);
    if (count == PCRE2_ERROR_MATCHLIMIT || count == PCRE2_ERROR_JIT_STACKLIMIT) _exit(3);
    if (count <= 0) return false;
    to.count = static_cast<std::size_t>(count);
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data_.get());
    for (std::size_t i = 0; i < to.count; ++i) {
      to.ranges[i].begin = ends[2 * i];
      to.ranges[i].end = ends[2 * i + 1];
    }
    return true;
  }

 private:
  struct free_code {
    void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  };
  struct free_data {
    void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  };
  std::unique_ptr<pcre2_code, free_code> compiled_;
  std::unique_ptr<pcre2_match_data, free_data> data_;
};
#endif

/// What a process would be seen to write, and what is expected of it.
struct subject {
  const char* name;
  std::string text;
  std::vector<const char*> patterns;
  std::size_t piece;
  std::size_t matches;
};

/// How many matches, each used up, with a buffer of what is unread: as the library has it.
template <class Engine>
std::size_t count_matches(const std::vector<Engine>& engines, const subject& s) {
  incremental_search search(4096);
  std::string buffer;
  std::size_t cursor = 0, matches = 0;
  std::uint64_t position = 0;
  for (std::size_t at = 0; at < s.text.size(); at += s.piece) {
    buffer.append(s.text, at, s.piece);
    while (search.find(engines, buffer, cursor, position)) {
      ++matches;
      std::size_t end = search.found().ranges[0].end;
      position += end - cursor;
      cursor = end;
      search.restart(position);
    }
    std::size_t most = std::size_t{1} << 20;
    if (buffer.size() - cursor > most) {
      std::size_t dropped = buffer.size() - cursor - most;
      cursor += dropped;
      position += dropped;
    }
    if (cursor > most) {
      buffer.erase(0, cursor - 1);
      cursor = 1;
    }
  }
  return matches;
}

/// Seconds; negative: why not.
constexpr double too_long = -1, crashed = -2, gave_up = -3, wrong = -4;

template <class Engine>
double measure(const subject& s) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  pid_t pid = fork();
  if (pid == 0) {
    const itimerval limit{{0, 0}, {20, 0}};
    setitimer(ITIMER_PROF, &limit, nullptr);
    std::vector<Engine> engines;
    engines.reserve(s.patterns.size());
    for (const char* p : s.patterns) engines.emplace_back(p);
    bench::usage before = bench::usage::now();
    std::size_t matches = count_matches(engines, s);
    double took = matches == s.matches ? (bench::usage::now() - before).cpu() : wrong;
    _exit(write(ends[1], &took, sizeof took) == sizeof took ? 0 : 1);
  }
  close(ends[1]);
  double took = crashed;
  int status = 0;
  bool told = read(ends[0], &took, sizeof took) == sizeof took;
  close(ends[0]);
  waitpid(pid, &status, 0);
  if (told) return took;
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGPROF ? too_long : crashed;
  return gave_up;
}

std::string text_of(const subject& s, const std::vector<double>& all) {
  double last = all.back();
  if (last == too_long) return "not in 20 s of CPU";
  if (last == crashed) return "stack overflow";
  if (last == gave_up) return "gave up: its match limit";
  if (last == wrong) return "wrong count of matches";
  std::vector<double> rates;
  for (double seconds : all) rates.push_back(static_cast<double>(s.text.size()) / 1e6 / seconds);
  return bench::summary(rates).text(last > 1 ? 2 : 0);
}

std::string mixed_lines(std::size_t size) {
  static const char* const lines[] = {
      "Nov 22 10:48:51 node17 kernel: [ 1041.221] eth0: link up, 1000 Mbps, full duplex\n",
      "  CXX   src/process/lifecycle.o\n",
      "\x1b[32mok\x1b[0m 12.5 ms  {\"host\": \"node3\", \"rtt\": 0.21, \"path\": \"/var/lib/x\"}\n",
      "make[2]: Leaving directory '/home/user/build/src'\n",
      "0f3a9b77c1 4096 -rw-r--r-- 1 root root 2026-11-22 logs/access.log.3.gz\n",
      "\n"};
  std::string text;
  text.reserve(size + 128);
  for (unsigned i = 1; text.size() < size; i = i * 1103515245U + 12345U)
    text += lines[(i >> 16U) % std::size(lines)];
  return text;
}

std::vector<subject> subjects(std::size_t mib) {
  const std::vector<const char*> prompts{
      "login: ", "[Pp]assword( for \\w+)?: ", "(\\w+)@([\\w.-]+):([^\\n]*)\\$ "};
  const std::vector<const char*> line_of{"error.*failed.*code"};
  const std::vector<const char*> nested{"(a+)+b"};
  const std::vector<const char*> each{"fatal error", "took (\\d+) ms\\n"};
  const std::vector<const char*> bytes{"\\x00([^\\n]+)\\xff\\n"};
  std::vector<subject> all;
  all.push_back({"three prompts, the match at the end", mixed_lines(mib << 20U), prompts, 4096, 1});
  all.back().text += "root@node7:/tmp$ ";
  std::string lines;
  std::size_t count = 0;
  while (lines.size() < (mib << 20U) / 4) {
    lines += "step " + std::to_string(count++) + " took 12 ms\n";
  }
  all.push_back({"a match in every line", lines, each, 4096, count});
  // A long line in which every beginning of a match is there, and no end.
  std::string line;
  while (line.size() < std::size_t{1} << 20U) line += "error: failed ";
  all.push_back(
      {"1 MiB without an LF at once, error.*failed.*code", line, line_of, line.size(), 0});
  all.push_back({"the same in 4 KiB pieces", line, line_of, 4096, 0});
  std::string few = std::string(4096, 'a') + " b";
  all.push_back({"4 KiB of 'a' at once, (a+)+b", few, nested, few.size(), 0});
  std::string binary;
  for (int i = 0; i < 100'000; ++i) binary += std::string("\x80 text\0 \xc3\x28 \xfe\xff\n", 15);
  all.push_back({"NUL and bytes that are no UTF-8", binary, bytes, 4096, 100'000});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 5;
  std::size_t mib = 64;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--rounds") == 0) rounds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--mib") == 0) mib = static_cast<std::size_t>(std::atoi(argv[i + 1]));
  }
  std::printf("MB/s of CPU time, median (least-most) of %d\n", rounds);
  for (const subject& s : subjects(mib)) {
    std::vector<double> standard, re2, pcre2;
    for (int i = 0; i < rounds; ++i) {
      if (standard.empty() || standard.back() > 0) standard.push_back(measure<with_std>(s));
      re2.push_back(measure<with_re2>(s));
#ifdef EXECO_BENCH_PCRE2
      if (pcre2.empty() || pcre2.back() > 0) pcre2.push_back(measure<with_pcre2>(s));
#endif
    }
    std::string other = pcre2.empty() ? "not here" : text_of(s, pcre2);
    std::printf("%s\n  std::regex  %s\n  RE2         %s\n  PCRE2, JIT  %s\n", s.name,
                text_of(s, standard).c_str(), text_of(s, re2).c_str(), other.c_str());
    std::fflush(stdout);
  }
}
