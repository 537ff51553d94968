#pragma once

#include <string>

namespace execo::cli {

/// The command line of `execo clubak`, as ClusterShell's users type it.
class clubak_options {
 public:
  /// Throws: usage_error.
  clubak_options(int argc, char** argv);

  enum class keys { never, always, automatic };

  bool gather = false;     // -b: equal outputs together
  bool lines = false;      // -L: each line with its nodes
  bool no_label = false;   // -N
  bool regroup = false;    // -r
  bool no_prefix = false;  // -G
  bool tree = false;       // -T: common beginnings once
  bool fast = false;       // -F: no other output; this tool is never slow
  bool diff = false;
  bool quiet = false;
  bool verbose = false;
  bool debug = false;
  bool color = false;
  bool help = false;
  bool version = false;
  keys interpret = keys::automatic;
  std::string source;
  std::string groups_file;
  std::string separator = ":";

 private:
  void take(int option, const char* value);
};

}  // namespace execo::cli
