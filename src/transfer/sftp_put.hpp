// One host of a put() over SFTP. Everything is written into a directory beside the destination, and
// renamed. No server of version 3 has a digest: what was written is compared by its size alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "transfer/put_execution.hpp"
#include "transfer/sftp_copy.hpp"
#include "transfer/source_reader.hpp"

namespace execo::detail {

class sftp_put final : public sftp_copy {
 public:
  /// `expected`: bytes of it that the counts expect already.
  sftp_put(loop& on, intrusive_ptr<lifecycle> peer, std::shared_ptr<put_content> what,
           std::string destination, std::shared_ptr<put_share> shared, std::uint64_t expected);

 private:
  // Where an entry is. published: under its name, with all that is in it.
  enum class place : std::uint8_t { nowhere, temporary, published };
  // Which path of a request for a link is its target: servers differ.
  enum class link_order : std::uint8_t { unknown, target_first, target_last };

  task<copy_failure> copy() override;
  task<void> clean_up() override;
  void drop_files() noexcept override;
  void expect() override;

  const source_tree& tree() const noexcept { return content_->tree(); }
  bool is_single() const noexcept { return tree().tops.size() == 1; }

  task<copy_failure> find_place();
  task<copy_failure> check_target();
  task<copy_failure> need_directory(std::string path);
  task<copy_failure> missing(std::string path);
  task<copy_failure> make_directories(std::string path);
  task<sftp_answer> ask_about(std::string path);
  task<bool> is_unchanged(const source_entry& entry);
  task<copy_failure> make_temporary();
  task<copy_failure> send_all();
  task<copy_failure> send(const source_entry& entry);
  task<copy_failure> make_directory(const source_entry& entry, std::string path);
  task<copy_failure> make_link(const source_entry& entry, std::string path);
  task<copy_failure> find_link_order();
  task<bool> remove_link(std::string path);
  task<copy_failure> send_file(const source_entry& entry, std::string path);
  task<copy_failure> send_contents(const source_entry& entry, std::string handle);
  task<copy_failure> finish_file(const source_entry& entry, std::string handle, std::string path);
  task<copy_failure> sync(std::string handle, std::string shown);
  task<copy_failure> set_attributes(const source_entry& entry, std::string path);
  task<sftp_answer> set(std::string path, sftp_attributes those);
  task<copy_failure> set_directories();
  task<copy_failure> publish();
  task<copy_failure> publish_directory(std::size_t index, std::string to);
  task<copy_failure> rename(std::size_t index, std::string to);
  task<copy_failure> refused_rename(sftp_answer status, std::size_t index, std::string to);
  task<copy_failure> failed_at(sftp_answer status, std::string step, std::string path);

  sftp_attributes kept_attributes(const source_entry& entry) const;
  void skip(std::size_t index) noexcept;
  std::string temporary_path(const source_entry& entry) const;
  std::string final_path(const source_entry& entry) const;
  std::size_t behind(std::size_t index) const noexcept;
  void mark_published(std::size_t index) noexcept;

  std::shared_ptr<put_content> content_;
  std::shared_ptr<put_share> shared_;
  std::string destination_;
  std::string base_;       // the directory of the destination
  std::string target_;     // of the only source
  std::string temporary_;  // empty: there is none
  source_reader reader_;
  std::vector<char> piece_;
  std::vector<place> places_;  // of the entries
  std::string probe_;          // the link that tells their order, and with '-' behind it
  link_order links_ = link_order::unknown;
  std::uint64_t expected_;
  std::size_t skipped_ = 0;  // files
  bool is_root_ = false;
};

}  // namespace execo::detail
