#pragma once

// The sources of one `groups` object, and the resolver of host sets.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execo/groups.hpp"
#include "groups/group_source.hpp"
#include "hosts/group_resolver.hpp"

namespace execo::detail {

class group_sources final : public group_resolver {
 public:
  group_sources() = default;
  /// Shares the sources themselves and their cached answers.
  group_sources(const group_sources& other);

  void add(const std::string& name, std::shared_ptr<group_source> source);
  void add(const std::string& name, const group_command& command);
  void set_default(const std::string& name);
  /// Reads a groups.conf and the files it names. Throws: host_set_error.
  void add_file(const std::filesystem::path& groups_conf);
  /// From the places that groups::standard() describes.
  void add_standard();

  [[nodiscard]] std::vector<std::string> source_names() const;

  host_set members(std::string_view source, std::string_view group,
                   const group_place& place) const override;
  host_set all(std::string_view source, const group_place& place) const override;
  /// Names that cannot be written after @ are left out, with a warning.
  std::vector<std::string> names(std::string_view source) const override;
  /// The groups of these hosts, as the source itself finds them; nullopt if it cannot, or if
  /// reading all its groups takes fewer calls.
  [[nodiscard]] std::optional<std::vector<std::string>> groups_of(std::string_view source,
                                                                  const host_set& hosts) const;

 private:
  struct named_source {
    std::string name;
    std::shared_ptr<group_source> source;
  };
  [[nodiscard]] named_source find(std::string_view name) const;
  [[nodiscard]] host_set read_members(const named_source& from, const std::string& group,
                                      const group_place& place) const;
  [[nodiscard]] host_set read_all(const named_source& from, const group_place& place) const;
  [[nodiscard]] std::vector<std::string> legal_names(const named_source& from,
                                                     std::vector<std::string> names) const;
  [[nodiscard]] bool prefers_reverse(const named_source& from, const host_set& hosts) const;
  class place;
  void add_allocations();

  mutable std::mutex mutex_;
  std::vector<named_source> sources_;
  std::string default_;
};

/// Made when first needed, then the same for the whole process: the text of a set cannot say where
/// its groups come from.
[[nodiscard]] const std::shared_ptr<group_sources>& standard_sources();

}  // namespace execo::detail
