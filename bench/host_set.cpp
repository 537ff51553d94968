// Sets of hosts beside ClusterShell, pdsh and Slurm: parse, fold, expand, union, difference and
// membership, foldable or not, in one dimension and three; and the two tools' nodeset on the same
// input. Medians of several runs in milliseconds; a rival that is not installed has no column.
//
//   host_set [--runs N] [--largest N]
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <execo/host_set.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>

#include "measure.hpp"

namespace {

namespace fs = std::filesystem;
using clock_type = std::chrono::steady_clock;

double milliseconds(const std::function<void()>& work) {
  const auto begin = clock_type::now();
  work();
  return std::chrono::duration<double, std::milli>(clock_type::now() - begin).count();
}

std::string arbitrary_name(std::mt19937& random) {
  std::string name;
  for (int i = 0; i < 8; ++i) name += static_cast<char>('a' + random() % 26);
  return name.append("-").append(std::to_string(100'000 + random() % 900'000)).append("b");
}

// A list of names without brackets: what an inventory gives.
std::string make_names(const std::string& kind, int count) {
  std::mt19937 random(7);
  std::string text;
  for (int i = 0; i < count; ++i) {
    if (i > 0) text += ',';
    const auto add = [&text](const char* front, unsigned index) {
      text.append(front).append(std::to_string(index));
    };
    const auto n = static_cast<unsigned>(i);
    if (kind == "foldable") add("node", n + 1);
    if (kind == "foldable-3d") add("r", n % 100), add("c", n / 100 % 100), add("n", n / 10'000);
    if (kind == "arbitrary") text += arbitrary_name(random);
    if (kind == "arbitrary-3d") {
      for (const char* front : {"r", "c", "n"}) add(front, random() % 1000);
    }
  }
  return text;
}

double bytes_in_use() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

// The same six steps in the rival's own language, timed by itself: its start is not counted.
constexpr const char* clustershell_program = R"(
import sys, time
from ClusterShell.NodeSet import NodeSet
text = open(sys.argv[1]).read()
names = text.split(',')
def timed(f):
    t = time.perf_counter(); r = f(); return (time.perf_counter() - t) * 1e3, r
p, s = timed(lambda: NodeSet(text))
f, _ = timed(lambda: str(s))
e, _ = timed(lambda: list(s))
half = NodeSet(','.join(names[::2]))
u, _ = timed(lambda: half | s)
d, _ = timed(lambda: s - half)
some = names[::max(1, len(names) // 100)]
m, _ = timed(lambda: [n in s for n in some])
print(p, f, e, u, d, m / len(some) * 1e3)
)";

class steps {
 public:
  steps() = default;
  double parse = 0, fold = 0, expand = 0, unite = 0, subtract = 0;
  double member = 0;  // microseconds a name
};

steps run_execo(const std::string& text, const std::string& half_text, double& bytes) {
  steps s;
  const double before = bytes_in_use();
  execo::host_set set;
  s.parse = milliseconds([&] { set = execo::host_set{text}; });
  std::string folded;
  s.fold = milliseconds([&] { folded = set.to_string(); });
  bytes = bytes_in_use() - before - static_cast<double>(folded.capacity());
  std::size_t total = 0;
  s.expand = milliseconds([&] { set.for_each([&](std::string_view n) { total += n.size(); }); });
  const execo::host_set half{half_text};
  s.unite = milliseconds([&] { total += (half | set).size(); });
  s.subtract = milliseconds([&] { total += (set - half).size(); });
  constexpr int asked = 1000;
  std::vector<std::string> some;
  for (int i = 0; i < asked; ++i)
    some.push_back(set[set.size() * static_cast<std::size_t>(i) / asked]);
  const double all = milliseconds([&] {
    for (const std::string& name : some) total += set.contains(name) ? 1 : 0;
  });
  s.member = all * 1e3 / asked;
  return total > 0 ? s : steps{};
}

bool installed(const std::string& command) {
  return std::system(
             std::string{"command -v "}.append(command).append(" > /dev/null 2>&1").c_str()) == 0;
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return text;
  char buffer[4096];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe)) {
    text.append(buffer, size);
  }
  ::pclose(pipe);
  return text;
}

double median(std::vector<double> values) { return bench::summary(std::move(values)).median(); }

void print_row(const char* step, double ours, double theirs, const char* unit) {
  if (theirs > 0) {
    std::printf("  %-9s %10.3f %12.1f %s %8.0f x\n", step, ours, theirs, unit, theirs / ours);
  } else {
    std::printf("  %-9s %10.3f %12s %s\n", step, ours, "-", unit);
  }
}

void compare_steps(const std::string& kind, int count, int runs, const fs::path& scratch,
                   bool with_rival) {
  const std::string text = make_names(kind, count);
  std::string half;
  for (std::size_t at = 0, n = 0; at < text.size(); ++n) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    if (n % 2 == 0) half.append(half.empty() ? "" : ",").append(text, at, end - at);
    at = end + 1;
  }
  std::vector<double> ours[6];
  double bytes = 0;
  for (int i = 0; i < runs; ++i) {
    const steps s = run_execo(text, half, bytes);
    const double values[] = {s.parse, s.fold, s.expand, s.unite, s.subtract, s.member};
    for (std::size_t v = 0; v < std::size(values); ++v) ours[v].push_back(values[v]);
  }
  double theirs[6] = {};
  if (with_rival) {
    std::ofstream(scratch / "names") << text;
    std::ofstream(scratch / "steps.py") << clustershell_program;
    const std::string answer = output_of("/usr/bin/python3 " + (scratch / "steps.py").string() +
                                         " " + (scratch / "names").string() + " 2>/dev/null");
    std::sscanf(answer.c_str(), "%lf %lf %lf %lf %lf %lf", &theirs[0], &theirs[1], &theirs[2],
                &theirs[3], &theirs[4], &theirs[5]);
  }
  std::printf("%s, %d hosts: %.1f bytes a host\n  %-9s %10s %12s\n", kind.c_str(), count,
              std::max(0.0, bytes) / count, "", "execo", "ClusterShell");
  const char* names[] = {"parse", "fold", "expand", "union", "difference", "member"};
  for (std::size_t v = 0; v < 6; ++v) {
    print_row(names[v], median(ours[v]), theirs[v], v == 5 ? "us" : "ms");
  }
  std::fflush(stdout);
}

void compare_tools(const std::string& what, const std::string& ours, const std::string& theirs,
                   int runs) {
  std::vector<double> a, b, ratios;
  for (int i = 0; i < runs; ++i) {
    a.push_back(milliseconds([&] { (void)output_of(ours); }));
    b.push_back(milliseconds([&] { (void)output_of(theirs); }));
    ratios.push_back(b.back() / a.back());
  }
  const bool equal = output_of(ours) == output_of(theirs);
  std::printf("%-44s %s %s ms, ratio %s, output %s\n", what.c_str(),
              bench::summary(a).text(1).c_str(), bench::summary(b).text(1).c_str(),
              bench::summary(ratios).text(0).c_str(), equal ? "equal" : "differs");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 5;
  int largest = 1'000'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--runs") == 0) runs = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--largest") == 0) largest = std::atoi(argv[i + 1]);
  }
  std::string name = (fs::temp_directory_path() / "execo-bench-XXXXXX").string();
  const fs::path scratch = ::mkdtemp(name.data());
  const bool clustershell =
      std::system("/usr/bin/python3 -c 'import ClusterShell' > /dev/null 2>&1") == 0;

  const std::string execo = std::string{EXECO_BIN_DIR} + "/execo";
  std::string names = make_names("arbitrary", 100'000);
  std::ranges::replace(names, ',', '\n');
  std::ofstream(scratch / "lines") << names << '\n';
  std::string lines = " < ";
  lines += (scratch / "lines").string();
  if (clustershell && installed("nodeset")) {
    std::printf("tools: median (least-most)\n");
    compare_tools("nodeset -f, 100,000 arbitrary names", execo + " nodeset -f" + lines,
                  std::string{"nodeset -f"}.append(lines), runs);
    compare_tools("nodeset -f node[1-100000]", execo + " nodeset -f 'node[1-100000]'",
                  "nodeset -f 'node[1-100000]'", runs);
    compare_tools("nodeset -e node[1-100000]", execo + " nodeset -e 'node[1-100000]'",
                  "nodeset -e 'node[1-100000]'", runs);
  }
  if (installed("pdsh")) {
    // It expands all of them and prints the first thousand bytes.
    compare_tools("expand node[1-10000], pdsh -Q",
                  execo + " nodeset -e -S , 'node[1-10000]' | cut -c1-1000",
                  "pdsh -R exec -Q -w 'node[1-10000]' | tail -1 | cut -c1-1000", runs);
  }
  if (installed("scontrol")) {
    // It asks for a configuration, though it needs none of it here.
    std::ofstream(scratch / "slurm.conf") << "ClusterName=bench\nSlurmctldHost=localhost\n";
    compare_tools("expand node[1-60000], scontrol", execo + " nodeset -e -S '\\n' 'node[1-60000]'",
                  "SLURM_CONF=" + (scratch / "slurm.conf").string() +
                      " scontrol show hostnames 'node[1-60000]'",
                  runs);
  }
  for (const char* kind : {"foldable", "foldable-3d", "arbitrary", "arbitrary-3d"}) {
    for (const int count : {1000, 100'000, 1'000'000}) {
      if (count > largest) continue;
      // Minutes and more where the rival's time grows with the square of the number.
      const bool hopeless = std::strstr(kind, "-3d") != nullptr && count > 1000;
      compare_steps(kind, count, runs, scratch, clustershell && !hopeless && count <= 100'000);
    }
  }
  fs::remove_all(scratch);
  return 0;
}
