#include "ndjson.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "execo/printable.hpp"
#include "text.hpp"
#include "view.hpp"

namespace execo::cli {
namespace {

// Ordered: people read these lines too, and expect the keys in the documented order.
using json = nlohmann::ordered_json;

void add_bytes(json& object, const char* key, const std::string& bytes) {
  object[key] = valid_utf8(bytes) ? bytes : base64(bytes);
}

json why(const result& r) {
  std::string text = r.error_context();
  std::string cause = r.error() ? r.error().message() : "";
  if (text.find(cause) == text.npos) text += (text.empty() ? "" : ": ") + cause;
  if (text.empty()) return nullptr;
  return text;
}

class ndjson_view final : public view {
 public:
  explicit ndjson_view(console& to) : to_(to) {}

  void add(host_result r) override {
    to_.out_plain(ndjson_line(r, to_.out_is_terminal()));
    to_.flush();
  }

 private:
  console& to_;
};

}  // namespace

std::string ndjson_line(const host_result& r, bool ascii) {
  json object;
  object["host"] = r.host.to_string();
  object["index"] = r.index;
  object["end"] = std::string(to_string(r.how()));
  object["phase"] = std::string(to_string(r.phase()));
  auto code = r.status().code();
  object["code"] = code ? json(*code) : json(nullptr);
  object["signal"] = r.status().signal() ? json(r.status().signal_name()) : json(nullptr);
  object["error"] = why(r);
  bool is_known = r.reason() != failure_reason::none;
  object["reason"] = is_known ? json(std::string(to_string(r.reason()))) : json(nullptr);
  object["may_still_run"] = r.may_still_run();
  object["may_still_run_why"] =
      r.may_still_run() ? json(std::string(to_string(r.leftover()))) : json(nullptr);
  add_bytes(object, "out", r.out);
  add_bytes(object, "err", r.err);
  object["out_bytes"] = r.out_bytes();
  object["err_bytes"] = r.err_bytes();
  object["out_dropped"] = r.out_dropped();
  object["err_dropped"] = r.err_dropped();
  bool is_cut = r.dropped_by() != output_limit::none;
  object["dropped_by"] = is_cut ? json(std::string(to_string(r.dropped_by()))) : json(nullptr);
  object["output_complete"] = r.output_complete();
  bool begun = r.started() != time_point();
  object["started"] = begun ? json(format_time(r.started())) : json(nullptr);
  object["elapsed"] = std::chrono::duration<double>(r.elapsed()).count();
  object["transport"] = std::string(to_string(r.transport()));
  if (r.attempts > 1) object["attempts"] = r.attempts;
  if (!r.transport_why().empty()) object["transport_why"] = r.transport_why();
  if (!valid_utf8(r.out)) object["out_encoding"] = "base64";
  if (!valid_utf8(r.err)) object["err_encoding"] = "base64";
  return escape_breaks(object.dump(-1, ' ', ascii, json::error_handler_t::replace)) + "\n";
}

std::unique_ptr<view> make_ndjson_view(console& to) { return std::make_unique<ndjson_view>(to); }

}  // namespace execo::cli
