// Stage 1 of an agent's start as hosts run it: through each login shell, by each POSIX shell, with
// few tools and bad folders, killed and cut anywhere. After each, no folder has anything of it.
#include <execo/ssh_command.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "file_bytes.hpp"
#include "program.hpp"
#include "sshd_fixture.hpp"
#include "temp_folder.hpp"
#include "transfer/sha256.hpp"
#include "tree/agent_image.hpp"
#include "wire/bootstrap.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using detail::image_form;
using detail::image_place;
using detail::stage1_fault;
using detail::stage1_state;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using words = std::vector<std::string>;

const std::string nonce = "00112233445566778899aabbccddeeff";
const std::string folder_name = "ffeeddccbbaa99887766554433221100";

std::string opening() { return detail::stage1_opening(nonce, folder_name); }

std::string path_of(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"})
    if (fs::exists(folder + name)) return folder + name;
  return "";
}

/// The image of the stand-in, in both forms.
class stand_in_image {
 public:
  stand_in_image() {
    const std::string path =
        (fs::path(EXECO_CHILD_TARGET).parent_path() / "stand_in_agent").string();
    plain = file_bytes(path);
    gzipped = run_program({"gzip", "-nc9", path}).out;
    detail::sha256 sum;
    sum.update(plain);
    digest = sum.hex();
  }
  const std::string& bytes(image_form form) const {
    return form == image_form::gzip ? gzipped : plain;
  }
  std::string header(image_form form) const {
    return detail::stage1_header(form, bytes(form).size(),
                                 detail::image_identity(plain.size(), digest));
  }
  std::string plain, gzipped, digest;
};

const stand_in_image& image() {
  static const stand_in_image made;
  return made;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

/// What came of a start.
class start_seen {
 public:
  start_seen() : reader(nonce) {}
  void read(outcome of) {
    ended = std::move(of);
    std::span<const char> out(ended.out);
    if (reader.feed(out) == stage1_state::answered) reader.sending();
    reader.feed(out);
    reader.end();
    after.assign(out.begin(), out.end());
  }
  detail::stage1_reader reader;
  std::string after;  // what the agent wrote
  outcome ended;
  bool started() const { return reader.state() == stage1_state::started; }
};

/// A host, as far as stage 1 sees it.
class stage1_host {
 public:
  stage1_host() {
    for (const char* name : {"mktemp", "mkdir", "rm", "chmod", "uname", "head", "dd", "wc", "gzip",
                             "sha256sum", "sh", "cat"})
      link(name);
  }

  /// A tool of its PATH.
  void link(const std::string& name) { link(name, path_of(name)); }
  void link(const std::string& name, const std::string& path) {
    fs::create_directories(root_ / "bin");
    fs::remove(root_ / ("bin/" + name));
    if (!path.empty()) fs::create_symlink(path, root_ / ("bin/" + name));
  }
  void unlink(const std::string& name) { fs::remove(root_ / ("bin/" + name)); }
  /// In place of a tool, a script; REAL in it is the tool.
  void replace_tool(const std::string& name, const std::string& script) {
    unlink(name);
    std::string path =
        root_.write("bin/" + name, "#!/bin/sh\n" + replaced(script, "REAL", path_of(name)));
    fs::permissions(path, fs::perms::owner_all);
  }
  void login_shell(words shell) { shell_ = std::move(shell); }
  /// In place of /bin/sh.
  void posix_shell(const std::string& shell) { posix_shell_ = shell; }
  /// It gets a mount namespace of its own with file systems of these options at /dev/shm, /tmp and
  /// /var/tmp, and runs the text there before.
  void folders(const std::string& shm, const std::string& tmp, const std::string& var_tmp,
               const std::string& more = ":") {
    mounts_ = "mount --bind '" + root_ / "bin" + "' /mnt; ";
    for (const auto& [folder, options] :
         {std::pair{"/dev/shm", shm}, {"/tmp", tmp}, {"/var/tmp", var_tmp}})
      mounts_ += std::string("mount -t tmpfs -o ") + options + " none " + folder + "; ";
    mounts_ += more + "; ";
  }
  void send(image_form form) { form_ = form; }
  /// Of the header and the image, in place of all.
  void input(std::string bytes) { input_ = std::move(bytes); }

  start_seen run() const {
    program stage1(command());
    std::string bytes = input_.value_or(image().header(form_) + image().bytes(form_) + "frames\n");
    start_seen seen;
    seen.read(stage1.finish(opening() + bytes));
    return seen;
  }

  /// What is left in the folder that it takes first, or, with folders(), in all of them.
  std::string left(const start_seen& seen) const {
    if (!mounts_.empty()) {
      std::size_t at = seen.ended.err.find("left:");
      return at == std::string::npos ? "unknown" : seen.ended.err.substr(at + 5);
    }
    std::string names;
    for (const auto& entry : fs::directory_iterator(root_ / "run"))
      names += entry.path().filename().string() + " ";
    return names;
  }
  std::string operator/(const std::string& name) const { return root_ / name; }

  words command() const {
    fs::create_directories(root_ / "run");
    fs::create_directories(root_ / "home");
    const bool apart = !mounts_.empty();
    words all{"env", "-i", "PATH=" + (apart ? std::string("/mnt") : root_ / "bin"),
              "HOME=" + (apart ? "" : root_ / "home")};
    if (!apart) all.push_back("XDG_RUNTIME_DIR=" + root_ / "run");
    all.insert(all.end(), shell_.begin(), shell_.end());
    std::string text = detail::stage1_command();
    all.push_back(replaced(text, "/bin/sh -c", posix_shell_ + " -c"));
    if (!apart) return all;
    words outer{"unshare",
                "-rm",
                "sh",
                "-c",
                mounts_ + "\"$@\"; echo left:$(ls -A /dev/shm /tmp /var/tmp | grep execo) >&2",
                "x"};
    outer.insert(outer.end(), all.begin(), all.end());
    return outer;
  }

 private:
  temp_folder root_;
  words shell_{"/bin/sh", "-c"};
  std::string posix_shell_ = "/bin/sh";
  std::string mounts_;
  image_form form_ = image_form::gzip;
  std::optional<std::string> input_;
};

bool can_mount() {
  return run_program({"unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"}).code == 0;
}

void expect_started(const stage1_host& host, image_place place = image_place::unlinked) {
  start_seen seen = host.run();
  ASSERT_TRUE(seen.started()) << words_of(seen.reader.fault()) << ": " << seen.reader.fault_text()
                              << "\n"
                              << seen.ended.out << seen.ended.err;
  EXPECT_EQ(seen.reader.answer().place, place);
  EXPECT_THAT(seen.after, StartsWith("agent " + nonce + " "));
  EXPECT_EQ(host.left(seen).find("execo"), std::string::npos) << host.left(seen);
}

void expect_failed(const stage1_host& host, stage1_fault fault, const std::string& text = "") {
  start_seen seen = host.run();
  EXPECT_EQ(seen.reader.fault(), fault) << seen.ended.out << seen.ended.err;
  EXPECT_THAT(seen.reader.fault_text(), HasSubstr(text)) << seen.ended.out << seen.ended.err;
  EXPECT_EQ(host.left(seen).find("execo"), std::string::npos) << host.left(seen);
}

const detail::agent_image* own_agent() {
  struct utsname about {};
  (void)::uname(&about);
  return detail::find_agent_image(detail::agent_images(), detail::machine_of(about.machine));
}

std::string nonce_bytes() {
  std::string bytes;
  for (std::size_t at = 0; at < nonce.size(); at += 2)
    bytes += static_cast<char>(std::stoi(nonce.substr(at, 2), nullptr, 16));
  return bytes;
}

/// The programs that may be /bin/sh.
words posix_shells() {
  words found;
  for (const char* name : {"dash", "bash", "ksh", "zsh"})
    if (std::string path = path_of(name); !path.empty()) found.push_back(path);
  if (std::string path = path_of("busybox"); !path.empty()) found.push_back(path + " sh");
  return found;
}

class stage1_in_folders : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_mount()) GTEST_SKIP() << "no mount namespace may be made here";
  }
};

TEST(stage1, starts_the_agent_with_nonce_and_umask_and_leaves_its_input_to_it) {
  stage1_host host;
  host.login_shell({"/bin/sh", "-c", "umask 027; eval \"$0\""});
  start_seen seen = host.run();
  EXPECT_EQ(seen.after, "agent " + nonce + " - 027\nframes\n");
  EXPECT_EQ(seen.ended.code, 0);
  EXPECT_EQ(seen.ended.err, "");
  EXPECT_EQ(host.left(seen), "");
}

TEST(stage1, reads_the_same_through_each_login_shell) {
  for (const char* name : {"sh", "dash", "bash", "zsh", "ksh", "fish", "csh", "tcsh", "busybox"}) {
    SCOPED_TRACE(name);
    std::string path = path_of(name);
    if (path.empty()) continue;
    stage1_host host;
    host.login_shell(std::string(name) == "busybox" ? words{path, "sh", "-c"} : words{path, "-c"});
    expect_started(host);
  }
}

TEST(stage1, is_run_by_each_posix_shell) {
  for (const std::string& shell : posix_shells()) {
    SCOPED_TRACE(shell);
    stage1_host host;
    host.login_shell({"/bin/sh", "-c", "umask 027; eval \"$0\""});
    host.posix_shell(shell);
    expect_started(host);
    EXPECT_THAT(host.run().after, HasSubstr(" - 027\n"));
    host.unlink("gzip");
    host.unlink("sha256sum");
    host.unlink("mktemp");
    host.send(image_form::plain);
    expect_started(host);
    EXPECT_THAT(host.run().after, HasSubstr(" - 027\n"));
    host.unlink("head");
    expect_started(host);
  }
}

TEST(stage1, is_found_among_what_start_files_say) {
  for (const char* name : {"bash", "zsh", "fish", "csh", "tcsh"}) {
    SCOPED_TRACE(name);
    std::string path = path_of(name);
    if (path.empty()) continue;
    stage1_host host;
    fs::create_directories(host / "home/.config/fish");
    for (const char* file :
         {"home/.bash_profile", "home/.zshenv", "home/.cshrc", "home/.config/fish/config.fish"})
      std::ofstream(host / file) << "echo 'Welcome: execo1'\necho '\x1b[1mnews\x1b[0m'\n";
    bool reads_profile = std::string(name) == "bash";
    host.login_shell(reads_profile ? words{path, "-l", "-c"} : words{path, "-c"});
    EXPECT_THAT(host.run().ended.out, HasSubstr("Welcome"));
    expect_started(host);
  }
}

TEST(stage1, bears_noise_without_an_end_of_line_and_the_echo_of_its_own_text) {
  stage1_host host;
  host.login_shell({"/bin/sh", "-c", "printf '%s' \"$0\"; eval \"$0\""});
  expect_started(host);
}

TEST(stage1, does_with_any_of_its_tools_missing) {
  for (const char* name : {"mktemp", "head", "gzip", "sha256sum"}) {
    SCOPED_TRACE(name);
    stage1_host host;
    host.unlink(name);
    if (std::string(name) == "gzip") host.send(image_form::plain);
    expect_started(host);
  }
}

TEST(stage1, does_without_all_of_them) {
  stage1_host host;
  for (const char* name : {"mktemp", "head", "gzip", "sha256sum"}) host.unlink(name);
  host.send(image_form::plain);
  start_seen seen = host.run();
  ASSERT_TRUE(seen.started()) << seen.ended.out << seen.ended.err;
  EXPECT_FALSE(seen.reader.answer().has_gzip);
  EXPECT_EQ(seen.after, "agent " + nonce + " - 022\nframes\n");
  EXPECT_EQ(host.left(seen), "");
}

// Everybody on a host may see what arguments its processes have.
TEST(stage1, has_no_argument_that_nobody_may_guess) {
  stage1_host host;
  host.replace_tool("head", "cat /proc/[0-9]*/cmdline >" + host / "arguments" +
                                " 2>/dev/null; exec REAL \"$@\"\n");
  host.link("cat");
  expect_started(host);
  const std::string seen = file_bytes(host / "arguments");
  EXPECT_THAT(seen, HasSubstr("execo1 %s"));
  EXPECT_THAT(seen, Not(HasSubstr(nonce)));
  EXPECT_THAT(seen, Not(HasSubstr(folder_name)));
}

TEST(stage1, takes_a_head_that_counts_no_bytes_for_none) {
  stage1_host host;
  host.replace_tool("head", "case $1 in -c) exit 1 ;; esac; exec REAL \"$@\"\n");
  expect_started(host);
}

// Its head reads more than it hands on, which is why nothing may follow the image at once.
TEST(stage1, does_with_the_tools_of_busybox) {
  const std::string busybox = path_of("busybox");
  if (busybox.empty()) GTEST_SKIP() << "no busybox";
  stage1_host host;
  host.posix_shell(busybox + " sh");
  for (const char* name :
       {"mktemp", "mkdir", "rm", "chmod", "uname", "head", "dd", "wc", "gzip", "sha256sum", "sh"})
    host.link(name, busybox);
  host.input(image().header(image_form::gzip) + image().gzipped);
  expect_started(host);
}

TEST(stage1, says_which_tools_there_are) {
  stage1_host host;
  host.unlink("sha256sum");
  host.link("perl");
  start_seen seen = host.run();
  ASSERT_TRUE(seen.started());
  const detail::stage1_answer& answer = seen.reader.answer();
  EXPECT_TRUE(answer.has_gzip && answer.has_perl);
  EXPECT_FALSE(answer.has_sha256sum || answer.has_python3);
}

TEST(stage1, refuses_an_image_that_is_cut_anywhere) {
  for (image_form form : {image_form::gzip, image_form::plain}) {
    const std::string whole = image().header(form) + image().bytes(form);
    const std::size_t header = image().header(form).size();
    for (std::size_t size :
         {header, header + 1, header + 100, whole.size() / 2, whole.size() - 1}) {
      SCOPED_TRACE(size);
      stage1_host host;
      host.input(whole.substr(0, size));
      expect_failed(host, stage1_fault::bad_image);
    }
    stage1_host unsummed;
    unsummed.unlink("sha256sum");
    unsummed.input(whole.substr(0, whole.size() - 1));
    expect_failed(unsummed, stage1_fault::bad_image);
  }
}

TEST(stage1, ends_when_its_input_ends_before_the_header) {
  for (std::size_t size : {0, 1, 20}) {
    stage1_host host;
    host.input(image().header(image_form::gzip).substr(0, size));
    expect_failed(host, stage1_fault::ended);
  }
}

TEST(stage1, refuses_a_header_that_is_none) {
  for (const char* header :
       {"\n", "gzip\n", "gzip x 1 2\n", "gzip 1 -2 3\n", "zip 1 2 3\n", "gzip  \n"}) {
    SCOPED_TRACE(header);
    stage1_host host;
    host.input(header);
    expect_failed(host, stage1_fault::bad_image, "input");
  }
}

TEST(stage1, refuses_bytes_that_are_another_image) {
  std::string plain = image().plain;
  plain[plain.size() / 2] = static_cast<char>(plain[plain.size() / 2] + 1);
  stage1_host host;
  host.input(image().header(image_form::plain) + plain);
  expect_failed(host, stage1_fault::bad_image, "digest");
  std::string gzipped = image().gzipped;
  gzipped[gzipped.size() / 2] = static_cast<char>(gzipped[gzipped.size() / 2] + 1);
  host.input(image().header(image_form::gzip) + gzipped);
  expect_failed(host, stage1_fault::bad_image, "gzip");
}

// The signal comes while a tool runs, so the trap runs right after it.
TEST(stage1, leaves_nothing_when_it_is_terminated_while_any_tool_runs) {
  for (const char* name : {"mktemp", "chmod", "rm", "head", "gzip", "sha256sum"}) {
    for (const char* signal : {"TERM", "HUP", "INT"}) {
      SCOPED_TRACE(std::string(name) + " " + signal);
      stage1_host host;
      host.replace_tool(
          name, "REAL \"$@\"; code=$?; kill -" + std::string(signal) + " $STAGE1; exit $code\n");
      host.login_shell({"/bin/sh", "-c", "STAGE1=$$; export STAGE1; eval \"$0\""});
      start_seen seen = host.run();
      EXPECT_FALSE(seen.started());
      EXPECT_EQ(seen.ended.code, 143) << seen.ended.out << seen.ended.err;
      EXPECT_EQ(host.left(seen), "");
    }
  }
}

TEST(stage1, leaves_nothing_when_it_is_killed_once_it_has_answered) {
  for (const char* name : {"head", "gzip", "sha256sum"}) {
    SCOPED_TRACE(name);
    stage1_host host;
    host.replace_tool(name, "kill -KILL $STAGE1; exec REAL \"$@\"\n");
    host.login_shell({"/bin/sh", "-c", "STAGE1=$$; export STAGE1; eval \"$0\""});
    start_seen seen = host.run();
    EXPECT_FALSE(seen.started());
    EXPECT_EQ(seen.ended.signal, SIGKILL);
    EXPECT_EQ(host.left(seen), "");
  }
}

TEST(stage1, refuses_a_terminal_which_changes_bytes) {
  stage1_host host;
  program stage1 = program::on_terminal(host.command());
  stage1.type(opening());
  ASSERT_TRUE(stage1.out_has("leaf terminal"));
  outcome ended = stage1.finish();
  detail::stage1_reader reader(nonce);
  std::span<const char> out(ended.out);
  reader.feed(out);
  EXPECT_EQ(reader.fault(), stage1_fault::terminal);
}

TEST(stage1, gets_no_answer_of_a_login_that_runs_no_sh) {
  stage1_host host;
  if (std::string path = path_of("nologin"); !path.empty()) {
    host.login_shell({path});
    expect_failed(host, stage1_fault::no_answer, "not available");
  }
  host.login_shell({path_of("bash"), "-r", "-c"});
  expect_failed(host, stage1_fault::no_answer);
}

TEST(stage1, starts_the_agent_through_a_real_server) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  ssh_options options;
  options.config_file = "none";
  options.agent = "none";
  options.host_key_policy = host_keys::ignore;
  options.user = server.user();
  options.port = server.port();
  options.identities = {server.identity()};
  words ssh = ssh_command("127.1.0.1", options);
  ssh.push_back(detail::stage1_command());
  program stage1(ssh);
  start_seen seen;
  seen.read(
      stage1.finish(opening() + image().header(image_form::gzip) + image().gzipped + "frames\n"));
  ASSERT_TRUE(seen.started()) << seen.ended.out << seen.ended.err;
  EXPECT_THAT(seen.after, StartsWith("agent " + nonce + " - "));
  EXPECT_THAT(seen.after, HasSubstr("\nframes\n"));
}

// The real one, which says hello with the nonce and leaves when its input ends.
TEST_F(stage1_in_folders, starts_the_agent_that_the_library_holds_in_each_place) {
  const detail::agent_image* agent = own_agent();
  if (agent == nullptr) GTEST_SKIP() << "no agent is built";
  const std::span<const char> gzipped = agent->gzipped();
  for (image_place place : {image_place::unlinked, image_place::folder, image_place::memory}) {
    SCOPED_TRACE(static_cast<int>(place));
    stage1_host host;
    host.link("perl");
    const std::string shm = place == image_place::memory ? "noexec" : "mode=1777";
    host.folders(shm, "noexec", "noexec",
                 place == image_place::folder ? "mount -t tmpfs none /proc" : ":");
    host.input(agent->header(image_form::gzip, gzipped.size()) +
               std::string(gzipped.begin(), gzipped.end()));
    start_seen seen = host.run();
    ASSERT_TRUE(seen.started()) << seen.ended.out << seen.ended.err;
    EXPECT_EQ(seen.reader.answer().place, place);
    EXPECT_THAT(seen.after, HasSubstr(nonce_bytes()));
    EXPECT_EQ(host.left(seen).find("execo"), std::string::npos) << host.left(seen);
  }
}

TEST_F(stage1_in_folders, takes_the_next_where_nothing_may_be_executed) {
  stage1_host host;
  host.folders("noexec", "noexec", "mode=1777");
  expect_started(host);
}

TEST_F(stage1_in_folders, takes_the_next_where_nothing_may_be_written_or_nothing_is_left) {
  stage1_host host;
  host.folders("ro", "mode=1777", "mode=1777",
               "mount -t tmpfs -o size=4k none /tmp; head -c 8192 /dev/zero >/tmp/full 2>&1");
  expect_started(host);
}

TEST_F(stage1_in_folders, makes_the_agent_in_memory_by_perl_where_none_executes) {
  for (const std::string& shell : posix_shells()) {
    SCOPED_TRACE(shell);
    stage1_host host;
    host.posix_shell(shell);
    host.link("perl");
    host.folders("noexec", "noexec", "noexec");
    expect_started(host, image_place::memory);
    host.input(image().header(image_form::gzip) + "not it");
    expect_failed(host, stage1_fault::bad_image);
  }
}

TEST_F(stage1_in_folders, makes_it_in_memory_whatever_descriptors_the_login_leaves_open) {
  stage1_host host;
  host.link("perl");
  host.login_shell({"/bin/sh", "-c", "exec 3</dev/null 4</dev/null 5</dev/null; eval \"$0\""});
  host.folders("noexec", "noexec", "noexec");
  expect_started(host, image_place::memory);
}

TEST_F(stage1_in_folders, makes_the_agent_in_memory_by_python_where_there_is_no_perl) {
  if (path_of("python3").empty()) GTEST_SKIP() << "no python3";
  stage1_host host;
  host.link("python3");
  host.folders("noexec", "noexec", "noexec");
  expect_started(host, image_place::memory);
}

TEST_F(stage1_in_folders, is_a_leaf_where_none_executes_and_no_interpreter_is_there) {
  stage1_host host;
  host.folders("noexec", "ro", "noexec");
  expect_failed(host, stage1_fault::no_place);
}

TEST_F(stage1_in_folders, is_a_leaf_where_the_image_has_no_room) {
  stage1_host host;
  host.folders("size=64k", "noexec", "noexec");
  expect_failed(host, stage1_fault::bad_image, "No space left");
  host.unlink("gzip");
  host.send(image_form::plain);
  expect_failed(host, stage1_fault::bad_image, "No space left");
}

TEST_F(stage1_in_folders, uses_no_folder_or_link_that_somebody_made_before) {
  stage1_host host;
  host.unlink("mktemp");
  host.folders("mode=1777", "mode=1777", "mode=1777",
               "mkdir /dev/shm/victim; echo kept >/dev/shm/victim/execo-agent; "
               "ln -s /dev/shm/victim /dev/shm/execo-" +
                   folder_name + "; mkdir /tmp/execo-" + folder_name);
  start_seen seen = host.run();
  EXPECT_TRUE(seen.started()) << seen.ended.out << seen.ended.err;
  // What was there is neither used nor removed.
  std::string name = "execo-" + folder_name;
  EXPECT_EQ(host.left(seen), name + " " + name + "\n");
}

TEST_F(stage1_in_folders, leaves_its_folder_to_the_agent_where_there_is_no_proc) {
  stage1_host host;
  host.folders("mode=1777", "noexec", "noexec", "mount -t tmpfs none /proc");
  expect_started(host, image_place::folder);
}

TEST_F(stage1_in_folders, removes_its_folder_where_there_is_no_proc_and_the_image_is_bad) {
  for (const std::string& shell : posix_shells()) {
    SCOPED_TRACE(shell);
    stage1_host host;
    host.posix_shell(shell);
    host.folders("mode=1777", "noexec", "noexec", "mount -t tmpfs none /proc");
    host.input(image().header(image_form::gzip) + "not it");
    expect_failed(host, stage1_fault::bad_image);
  }
}

}  // namespace
}  // namespace execo::test
