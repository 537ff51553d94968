// What a local child has as one of its standard descriptors, when it is no pipe of ours.
#pragma once

#include <string>

namespace execo::detail {

struct child_stream {
  enum class kind : unsigned char { pipe, file, descriptor, as_output };
  kind what = kind::pipe;  // as_output: standard error goes where standard output does
  std::string path;        // of a file, opened as the child is started
  int flags = 0;
  int fd = -1;  // somebody else's
};

}  // namespace execo::detail
