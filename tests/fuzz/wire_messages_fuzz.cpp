// The body of a frame of each type: a message comes of it, which has these bytes and no others, or
// nothing. The first byte is the type, the second says whether there is a run and a host.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/messages.hpp"

namespace {

namespace detail = execo::detail;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Message>
void try_message(const detail::frame& from) {
  const auto message = Message::decode(from);
  if (!message) return;
  require(from.type == Message::type && is_addressed_right(from));
  const detail::frame about = header_of(*message);
  require(about.run == from.run && about.host == from.host);
  const std::string body = body_of(*message);
  // A newer child may say more.
  require(from.type == detail::frame_type::hello ? from.body.substr(0, body.size()) == body
                                                 : from.body == body);
}

template <class... Message>
void try_all(const detail::frame& from) {
  (try_message<Message>(from), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto type = static_cast<detail::frame_type>(data[0]);
  if (!detail::is_known(type)) return 0;
  const detail::frame from(type, (data[1] & 1) != 0 ? 7 : 0,
                           (data[1] & 2) != 0 ? 9 : detail::no_host,
                           std::string_view(reinterpret_cast<const char*>(data + 2), size - 2));
  try_all<detail::hello_message, detail::welcome_message, detail::credit_message,
          detail::ping_message, detail::pong_message, detail::goodbye_message,
          detail::connector_message, detail::image_message, detail::work_message,
          detail::steal_message, detail::revoke_message, detail::returned_message,
          detail::host_state_message, detail::execute_message, detail::part_message,
          detail::input_message, detail::signal_message, detail::cancel_message,
          detail::started_message, detail::output_message, detail::folded_message,
          detail::ended_message, detail::file_order_message, detail::file_part_message,
          detail::file_end_message, detail::file_none_message, detail::file_forget_message,
          detail::file_want_message, detail::sign_ask_message, detail::sign_answer_message,
          detail::certificate_message, detail::deliver_message, detail::accepted_message,
          detail::say_message, detail::consumed_message, detail::contribute_message,
          detail::gathered_message, detail::wave_message, detail::answers_message>(from);
  return 0;
}
