#include "execo/ndjson.hpp"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>

#include "execo/printable.hpp"
#include "execo/time.hpp"
#include "ssh/base64.hpp"

namespace execo {
namespace {

// Ordered: people read these lines too, and expect the keys in the documented order.
using json = nlohmann::ordered_json;

void add_bytes(json& object, const char* key, const std::string& bytes) {
  object[key] = valid_utf8(bytes) ? bytes : detail::to_base64(bytes);
}

json why(const result& r) {
  std::string text = r.error_context();
  std::string cause = r.error() ? r.error().message() : "";
  if (text.find(cause) == text.npos) text += (text.empty() ? "" : ": ") + cause;
  if (text.empty()) return nullptr;
  return text;
}

// Escapes characters that are valid in JSON but break lines for some readers: DEL, the C1 controls,
// among them NEL (U+0085), and the separators U+2028 and U+2029.
std::string escape_breaks(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x7f) continue;
    // Valid UTF-8: the character that begins here is complete.
    unsigned point = byte == 0x7f ? byte : 0;
    std::size_t size = byte == 0x7f ? 1 : byte == 0xc2 ? 2 : 3;
    std::string_view character = text.substr(i, size);
    if (byte == 0xc2 && character < "\xc2\xa0") point = static_cast<unsigned char>(character[1]);
    if (character == "\xe2\x80\xa8") point = 0x2028;
    if (character == "\xe2\x80\xa9") point = 0x2029;
    if (point == 0) continue;
    line.append(text.substr(copied, i - copied));
    line += fmt::format("\\u{:04x}", point);
    i += size - 1;
    copied = i + 1;
  }
  line.append(text.substr(copied));
  return line;
}

}  // namespace

std::string to_ndjson(const host_result& r, json_characters as) {
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
  const bool ascii = as == json_characters::ascii;
  return escape_breaks(object.dump(-1, ' ', ascii, json::error_handler_t::replace)) + "\n";
}

}  // namespace execo
