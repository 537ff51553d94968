// One host of a get() over SFTP: what its server lists and reads, on its way into received_files,
// which trusts no name. Patterns are matched here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "transfer/get_execution.hpp"
#include "transfer/sftp_copy.hpp"

namespace execo::detail {

class sftp_get final : public sftp_copy {
 public:
  sftp_get(loop& on, intrusive_ptr<lifecycle> peer, std::vector<std::string> sources,
           received_place where, std::shared_ptr<get_share> shared);

 private:
  /// What is to be read: a path there, and its name here.
  class found_entry {
   public:
    std::string path;
    std::string name;
    sftp_attributes about;
  };
  using path_list = std::vector<std::string>;

  task<copy_failure> copy() override;
  task<void> clean_up() override;
  void drop_files() noexcept override { files_.abandon(); }
  void on_turn() noexcept override { peer().pause(stream::out, false); }

  task<copy_failure> find(std::string given);
  task<copy_failure> find_matches(std::string pattern);
  task<copy_failure> match_part(std::string part, path_list& so_far);
  task<copy_failure> add_found(std::string path, bool may_be_missing);
  task<copy_failure> name_of(std::string path, std::string& name);
  task<copy_failure> list(std::string path, std::vector<sftp_name>& names);
  copy_failure keep_names(std::vector<sftp_name> read, std::vector<sftp_name>& names);
  task<copy_failure> take(found_entry entry);
  task<copy_failure> take_directory(found_entry entry);
  task<copy_failure> take_link(found_entry entry);
  task<copy_failure> take_file(found_entry entry);
  task<copy_failure> take_contents(std::string path, std::uint64_t size);
  void ask_more(std::uint64_t& asked, std::uint64_t end);
  copy_failure take_chunk(const std::string& path, std::uint64_t size, std::uint64_t& taken);
  void hold_back(std::size_t bytes);

  std::vector<std::string> sources_;
  std::shared_ptr<get_share> shared_;
  received_files files_;
  std::vector<found_entry> left_;  // the last one comes next
  std::size_t names_ = 0;          // that the host has listed
};

}  // namespace execo::detail
