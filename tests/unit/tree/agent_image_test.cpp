#include "tree/agent_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "file_bytes.hpp"
#include "program.hpp"
#include "temp_folder.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {
// Made by cmake/ExecoAgentImages.cmake, of the program that stands in for an agent.
std::span<const agent_image> stand_in_images() noexcept;
}  // namespace execo::detail

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using detail::agent_image;
using detail::image_form;
using detail::machine;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

std::string beside_child_target(const char* name) {
  return (fs::path(EXECO_CHILD_TARGET).parent_path() / name).string();
}

std::string digest_of(std::span<const char> bytes) {
  detail::sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

machine own_arch() {
  struct utsname about {};
  (void)::uname(&about);
  return detail::machine_of(about.machine);
}

const agent_image& stand_in() { return *find_agent_image(detail::stand_in_images(), own_arch()); }

// Of an ELF file: the machine that it is for.
int elf_machine(const std::string& program) {
  return static_cast<unsigned char>(program.at(18)) +
         256 * static_cast<unsigned char>(program.at(19));
}

TEST(agent_images, are_found_by_machine) {
  ASSERT_THAT(detail::stand_in_images(), SizeIs(1));
  machine other = own_arch() == machine::x86_64 ? machine::aarch64 : machine::x86_64;
  EXPECT_NE(find_agent_image(detail::stand_in_images(), own_arch()), nullptr);
  EXPECT_EQ(find_agent_image(detail::stand_in_images(), other), nullptr);
  EXPECT_EQ(find_agent_image({}, own_arch()), nullptr);
}

TEST(agent_images, hold_the_program_byte_for_byte) {
  const std::string program = file_bytes(beside_child_target("stand_in_agent"));
  EXPECT_EQ(stand_in().size(), program.size());
  EXPECT_EQ(stand_in().sha256(), digest_of(program));
  EXPECT_TRUE(stand_in().plain() == program);
  EXPECT_LT(stand_in().gzipped().size(), program.size());
}

// A gzip header with a name or a time in it would differ from build to build.
TEST(agent_images, are_the_same_for_the_same_program) {
  const outcome again = run_program({"gzip", "-9nc", beside_child_target("stand_in_agent")});
  EXPECT_EQ(digest_of(again.out), digest_of(stand_in().gzipped()));
  EXPECT_EQ(std::string(stand_in().gzipped().data() + 3, 5), std::string(5, '\0'));
}

TEST(agent_images, say_what_is_sent_before_them) {
  EXPECT_EQ(stand_in().header(image_form::gzip, 7), "gzip 7 " + std::to_string(stand_in().size()) +
                                                        " " + std::string(stand_in().sha256()) +
                                                        "\n");
}

TEST(agent_images, that_are_damaged_are_refused) {
  std::string bytes(stand_in().gzipped().begin(), stand_in().gzipped().end());
  auto image = [](const std::string& held, std::size_t size) {
    return agent_image(machine::aarch64, held.data(), held.data() + held.size(), size, "");
  };
  const std::size_t size = stand_in().size();
  EXPECT_EQ(image(bytes, size).plain().size(), size);
  EXPECT_THROW(image(bytes, size + 1).plain(), std::runtime_error);
  EXPECT_THROW(image(bytes, size - 1).plain(), std::runtime_error);
  EXPECT_THROW(image(bytes + "x", size).plain(), std::runtime_error);
  EXPECT_THROW(image(bytes.substr(0, bytes.size() - 1), size).plain(), std::runtime_error);
  EXPECT_THROW(image("", size).plain(), std::runtime_error);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  EXPECT_THROW(image(bytes, size).plain(), std::runtime_error);
}

TEST(built_in_agents, are_there_if_the_build_has_one_and_are_whole) {
  if (!fs::exists(beside_child_target("execo-agent"))) GTEST_SKIP() << "no agent is built";
  const agent_image* own = find_agent_image(detail::agent_images(), own_arch());
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->sha256(), digest_of(file_bytes(beside_child_target("execo-agent"))));
  for (const agent_image& image : detail::agent_images()) {
    const std::string program = image.plain();
    EXPECT_EQ(digest_of(program), image.sha256());
    EXPECT_EQ(elf_machine(program), image.arch() == machine::x86_64 ? 62 : 183);
  }
}

// Whose input has ended: it says who it is and leaves.
TEST(built_in_agents, for_aarch64_run_where_there_is_an_emulator) {
  const agent_image* image = find_agent_image(detail::agent_images(), machine::aarch64);
  if (image == nullptr) GTEST_SKIP() << "no agent for aarch64 is built";
  const char* emulator = "/usr/bin/qemu-aarch64-static";
  if (!fs::exists(emulator)) GTEST_SKIP() << "no qemu-aarch64-static";
  temp_folder folder;
  const std::string program = folder.write("execo-agent", image->plain());
  fs::permissions(program, fs::perms::owner_all);
  const outcome ended = run_program({emulator, program, std::string(32, 'a'), ""});
  EXPECT_THAT(ended.out, Not(::testing::IsEmpty())) << ended.err;
  EXPECT_EQ(ended.signal, 0);
}

}  // namespace
}  // namespace execo::test
