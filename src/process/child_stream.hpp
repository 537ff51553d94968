// What a local child has as one of its descriptors, when it is no pipe of ours.
#pragma once

#include <string>

#include "io/file_path.hpp"

namespace execo::detail {

struct child_stream {
  enum class kind : unsigned char { pipe, file, descriptor, as_output };
  kind what = kind::pipe;  // as_output: standard error goes where standard output does
  file_path path;          // of a file, opened as the child is started
  int flags = 0;
  int fd = -1;       // stays open until the child is started
  std::string name;  // of one other than the standard streams, for a failure
};

}  // namespace execo::detail
