// The layout `--format ndjson`: a host's result as one line of JSON, when it comes.
#include "execo/ndjson.hpp"

#include <memory>
#include <utility>

#include "view.hpp"

namespace execo::cli {
namespace {

class ndjson_view final : public view {
 public:
  explicit ndjson_view(console& to) : to_(to) {}

  void add(host_result r) override {
    to_.out_plain(
        to_ndjson(r, to_.out_is_terminal() ? json_characters::ascii : json_characters::utf8));
    to_.flush();
  }

 private:
  console& to_;
};

}  // namespace

std::unique_ptr<view> make_ndjson_view(console& to) { return std::make_unique<ndjson_view>(to); }

}  // namespace execo::cli
