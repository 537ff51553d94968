#include "option_words.hpp"

#include <string>

namespace execo::cli {

void for_each_option(int argc, char** argv, const char* short_options, const option* long_options,
                     const std::function<void(int, const char*)>& take) {
  optind = 0;  // GNU: start anew
  opterr = 0;
  for (;;) {
    const int before = optind == 0 ? 1 : optind;
    const int found = getopt_long(argc, argv, short_options, long_options, nullptr);
    if (found == -1) return;
    if (found == '?' || found == ':') {
      const std::string word = argv[optind > before ? optind - 1 : before];
      throw usage_error(found == '?' ? "no such option: " + word
                                     : word + " option requires 1 argument");
    }
    take(found, optarg);
  }
}

}  // namespace execo::cli
