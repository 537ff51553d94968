#include "ssh/connector_transport.hpp"

#include <optional>
#include <utility>

#include "execo/printable.hpp"
#include "process/local_transport.hpp"
#include "ssh/forwarding_transport.hpp"
#include "ssh/remote_text.hpp"

namespace execo::detail {
namespace {

using form = command_template::form;

class connector_transport final : public refusing_transport {
 public:
  connector_transport(loop& on, std::shared_ptr<const connector_setup> shared, const host& where,
                      std::size_t rank)
      : refusing_transport(on, make_local_transport(on, shared->around)),
        shared_(std::move(shared)) {
    values_.host = where.name();
    values_.port = where.port() == 0 ? shared_->port : where.port();
    values_.user = where.user().empty() ? shared_->user : where.user();
    values_.rank = rank;
  }

  void open(const command& what, transport_events& events) override {
    set_owner(events);
    std::string problem;
    local_ = is_exec() ? expanded(what, problem) : wrapped(what, problem);
    if (local_) return open_inner(*local_);
    fail_soon(failure(end_reason::unsupported, std::make_error_code(std::errc::invalid_argument),
                      printable(values_.host) + ": " + problem));
  }

  void end_scope(duration until_kill) override {
    ending_ = true;
    refusing_transport::end_scope(until_kill);
  }

  void close() override {
    ending_ = ending_ || !exited_;
    refusing_transport::close();
  }

  /// That of a connector says nothing about the command.
  pid_t pid() const noexcept override { return is_exec() ? inner().pid() : 0; }

  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("connector to " + printable(values_.host));
  }

 private:
  bool is_exec() const noexcept { return shared_->program.how() == form::exec; }

  // The user's own command, run here.
  std::optional<command> expanded(const command& what, std::string& problem) const {
    command made = what;
    made.handlers.clear();
    made.through_shell = what.through_shell || !what.text.empty();
    auto text = expand_tokens(what.text, values_, token_reader::shell, problem);
    if (!text) return std::nullopt;
    made.text = std::move(*text);
    for (std::string& word : made.words) {
      auto whole = expand_tokens(word, values_, token_reader::program, problem);
      if (!whole) return std::nullopt;
      word = std::move(*whole);
    }
    made.set_variable("EXECO_HOST", values_.host);
    return made;
  }

  std::optional<command> wrapped(const command& what, std::string& problem) const {
    std::optional<std::string> text = remote_text(what, problem);
    if (!text) return std::nullopt;
    if (values_.host.starts_with('-')) {
      problem = "a host name that begins with '-' would be an option of the connector";
      return std::nullopt;
    }
    auto words = shared_->program.words(values_, problem);
    if (!words) return std::nullopt;
    // A shell that waits for the program would end first when all of the group are signalled, and
    // what is left of that be killed. What is no path may be a builtin. With surroundings of its
    // own a shell is the program already.
    const bool is_path = !what.words.empty() && what.words.front().starts_with('/');
    const bool takes_place = text->starts_with("exec ");
    if (is_path && !takes_place && shared_->program.passes_signals()) text->insert(0, "exec ");
    bool to_sh = shared_->program.how() == form::argv;
    if (to_sh) {
      words->emplace_back("sh");
      words->emplace_back("-c");
    }
    words->push_back(std::move(*text));
    command made(*words);
    made.has_input = what.has_input;
    made.attributes.pty = what.attributes.pty;
    made.attributes.pty_rows = what.attributes.pty_rows;
    made.attributes.pty_columns = what.attributes.pty_columns;
    made.set_variable("EXECO_HOST", values_.host);
    // The shell that reads the text is this one, and there may be no other.
    if (to_sh) made.set_variable("SHELL", "/bin/sh");
    return made;
  }

  void on_exit(exit_status status) override {
    exited_ = true;
    refusing_transport::on_exit(status);
  }
  void on_failed(failure why) override {
    exited_ = true;
    why.context.insert(0, printable(values_.host) + ": ");
    refusing_transport::on_failed(std::move(why));
  }

  end_report complete(end_report found) override {
    found.transport = is_exec() ? transport_kind::exec : transport_kind::connector;
    if (is_exec()) return found;
    // What a process of the connector has used and left is not what the command has.
    found.usage.reset();
    found.scope.reset();
    found.ended_with_it = 0;
    found.escaped.clear();
    if (ending_ && !shared_->program.passes_signals()) found.leftover = leftover_cause::no_signals;
    return found;
  }

  const std::shared_ptr<const connector_setup> shared_;
  token_values values_;
  std::optional<command> local_;  // what runs here
  bool ending_ = false;           // we end it
  bool exited_ = false;
};

}  // namespace

connector_setup::connector_setup(const ssh_options& options, const ssh_caller& by)
    : program(options.connector),
      user(options.user.empty() ? by.user() : options.user),
      port(options.port == 0 ? 22 : options.port),
      around(surroundings::now(surroundings::caller::goes_on)) {}

std::unique_ptr<transport> make_connector_transport(loop& on,
                                                    std::shared_ptr<const connector_setup> shared,
                                                    const host& where, std::size_t rank) {
  return std::make_unique<connector_transport>(on, std::move(shared), where, rank);
}

}  // namespace execo::detail
