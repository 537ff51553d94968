#include "ssh/agent_protocol.hpp"

#include <algorithm>

#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

// draft-miller-ssh-agent, 5.1.
enum class agent_message : std::uint8_t {
  failure = 5,
  list_request = 11,
  list_answer = 12,
  sign_request = 13,
  sign_response = 14,
};

constexpr std::size_t length_size = 4;

std::string framed(agent_message type, std::string_view body) {
  std::string message;
  message.reserve(length_size + 1 + body.size());
  append_number(message, body.size() + 1);
  message += static_cast<char>(type);
  message += body;
  return message;
}

// Old ones of OpenSSH and of ssh.com besides.
bool is_failure(std::uint8_t type) {
  constexpr std::uint8_t failure_of_ssh2 = 30;
  constexpr std::uint8_t failure_of_com = 102;
  return type == static_cast<std::uint8_t>(agent_message::failure) || type == failure_of_ssh2 ||
         type == failure_of_com;
}

agent_reply read_type(ssh_reader& fields, agent_message wanted) {
  std::uint8_t type = fields.byte();
  if (fields.failed()) return agent_reply::malformed;
  if (type == static_cast<std::uint8_t>(wanted)) return agent_reply::good;
  return is_failure(type) ? agent_reply::refused : agent_reply::malformed;
}

}  // namespace

std::string list_request() { return framed(agent_message::list_request, {}); }

std::string sign_request(const signature_request& what) {
  std::string body;
  append_field(body, what.key);
  append_field(body, what.data);
  append_number(body, what.flags);
  return framed(agent_message::sign_request, body);
}

std::string list_answer(const agent_key& only) {
  std::string body;
  append_number(body, 1);
  append_field(body, only.blob);
  append_field(body, only.comment);
  return framed(agent_message::list_answer, body);
}

std::string sign_answer(std::string_view signature) {
  std::string body;
  append_field(body, signature);
  return framed(agent_message::sign_response, body);
}

std::optional<std::size_t> first_message_size(std::string_view bytes) noexcept {
  if (bytes.size() < length_size) return std::nullopt;
  return ssh_reader(bytes).number();
}

agent_reply read_list(std::string_view message, std::vector<agent_key>& keys) {
  ssh_reader fields(message);
  agent_reply type = read_type(fields, agent_message::list_answer);
  if (type != agent_reply::good) return type;
  std::uint32_t count = fields.number();
  if (count > max_agent_keys) return agent_reply::malformed;
  std::vector<agent_key> found;
  for (std::uint32_t i = 0; i < count; ++i) {
    agent_key key;
    key.blob = fields.text();
    key.comment = fields.text();
    if (fields.failed() || key.blob.size() > max_agent_field) return agent_reply::malformed;
    found.push_back(std::move(key));
  }
  keys = std::move(found);
  return fields.failed() ? agent_reply::malformed : agent_reply::good;
}

agent_reply read_signature(std::string_view message, std::string& signature) {
  ssh_reader fields(message);
  agent_reply type = read_type(fields, agent_message::sign_response);
  if (type != agent_reply::good) return type;
  std::string_view found = fields.text();
  if (fields.failed() || found.empty() || found.size() > max_agent_field)
    return agent_reply::malformed;
  signature = found;
  return agent_reply::good;
}

std::optional<signature_request> find_sign_request(std::string_view sent) {
  ssh_reader messages(sent);
  while (!messages.rest().empty()) {
    ssh_reader fields(messages.text());
    if (messages.failed()) return std::nullopt;
    if (fields.byte() != static_cast<std::uint8_t>(agent_message::sign_request)) continue;
    signature_request found;
    found.key = fields.text();
    found.data = fields.text();
    found.flags = fields.number();
    if (fields.failed()) return std::nullopt;
    return found;
  }
  return std::nullopt;
}

}  // namespace execo::detail
