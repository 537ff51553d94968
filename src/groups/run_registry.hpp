#pragma once

// The runs of this user that have a journal: a folder of symbolic links, ID to file, and `last`.

#include <filesystem>
#include <memory>
#include <string_view>

#include "groups/group_source.hpp"

namespace execo::detail {

/// Empty if this user has no home.
[[nodiscard]] std::filesystem::path runs_folder();

/// The source of `@last:STATE` and `@run/ID:STATE`; null for the name of any other source.
[[nodiscard]] std::shared_ptr<group_source> find_run_source(std::string_view name);

}  // namespace execo::detail
