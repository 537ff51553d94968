// A phrase book: what docs/coming-from.md has in its tables, so that all of it compiles.
// ctest: build only
#include <execo/execo.hpp>

using namespace execo;
using namespace std::chrono_literals;

class my_handler : public handler {
  void on_start(const started_command&) override {}
  void on_line(const output_line&) override {}
  void on_end(const ended_command&) override {}
};

task<> processes(std::shared_ptr<handler> h) {
  auto p = process("ls /").start();
  result r = co_await p.wait();
  r = co_await process("ls", "-l").run();
  std::optional<result> early = co_await timeout(p.wait(), 5s);
  std::optional<result> ended = p.try_result();
  p.kill();
  p.kill(SIGUSR1);
  p.kill(SIGINT);
  p.kill(SIGKILL);
  (void)p.pid();
  (void)p.running();
  (void)r.ok(), (void)r.exit_code(), (void)r.status(), (void)r.how(), (void)r.error();
  (void)r.error_context(), (void)r.killed(), (void)r.forced_kill(), (void)r.out, (void)r.err;
  (void)r.started(), (void)r.ended(), (void)r.elapsed(), (void)r.describe(), (void)r.dump();
  (void)r.stats();
  bool late = r.how() == end_reason::timed_out;
  (void)late;
  r.check();

  process set("make");
  set.args("-j", "4").shell().cwd("/srv").env("LANG", "C").unset_env("TZ").clear_env();
  set.timeout(5s).idle_timeout(1min).kill_timeout(10s).name("build").max_output(1 << 20);
  set.ignore_exit_code().ignore_timeout().ignore_error();
  set.nolog_exit_code().nolog_timeout().nolog_error();
  set.handle_with(h).on_line([](const output_line&) {});
  set.out(to_file("log")).err(merged()).in(from_file("data"));
  set.out(null()).out(inherit()).out(append("log")).out(to_fd(1)).input("text").in(execo::pipe());
  set.out(tee(capture(), to_file("log")));
  set.user("daemon").group("users").groups({"video"}).umask(022).nice(10).pass_fd(3, 3);
  set.new_session().process_group(0).pty(24, 80).rlimit(RLIMIT_NOFILE, 64, 64);
  set.kill_scope(kill_scope::session);
  set.kill_scope(kill_scope::subreaper);

  auto cat = process("cat").in(execo::pipe()).start();
  co_await cat.in().write("line\n");
  auto line = co_await cat.out().next_line();
  auto bytes = co_await cat.out().next();
  auto all = co_await cat.out().read_all();
  cat.in().close();
  auto e = expect(cat.out()).on("login: ");
  auto found = co_await e.next(5s);
  std::move(cat).detach();

  r = co_await ssh_process("uname", "root@n1:22").run();
  auto sorted = co_await (process("ls /") | process("sort -r"));
  process one("make"), other("tail -n 1");
  other.in(one.out());
  auto anywhere = make_process(command("uname"), host("n1"));
  auto line_to = serial(serial_line("/dev/ttyS0", 115200));
}

task<> network() {
  auto tunnel = port_forward::local(":8080", "n1", "db:5432");
  auto at = co_await tunnel.ready();
  free_ports ports(25500, 26699);
  int port = ports.next();
  (void)at, (void)port;
  auto words = ssh_command("root@n1:22");
}

task<> actions(host_set hosts, std::vector<int> values, std::shared_ptr<action_handler> h) {
  auto lines_to = remote(serial_command(serial_line("/dev/ttyS0", 115200)), hosts);
  ssh_options how;
  how.user = "root";
  how.port = 2222;
  how.identities.push_back("key");
  how.config_lines.push_back("Compression=yes");
  how.host_key_policy = host_keys::ignore;
  how.limits.establish = 10s;
  how.connector = "rsh %h";
  how.host_rewrite = [](const host& named) { return host(named.name() + ".site.example"); };

  auto a = remote("uname", "n[1-9]").ssh(how).timeout(5s).fanout(32).handle_action_with(h);
  auto b = local("make", 4);
  auto c = remote("iperf -c {{name}}", hosts).subst("name", values).out(to_file("{{{host}}}.out"));
  parallel crew;
  auto made = remote("make", hosts);
  made.on_end([&](const ended_command& e) { crew.schedule(remote("make check", e.host)); });
  crew.schedule(std::move(made));
  co_await crew.run();

  auto by_others = remote("uname", hosts).via(tree());
  auto up_a_tree = get("/var/log/syslog", hosts, "logs").via(tree());
  auto down_a_chain = put("image", hosts, "/tmp/").via(tree().chain());
  auto to = put({"a", "b"}, hosts, "/tmp/");
  auto from = get("/var/log/syslog", hosts, "logs");
  a.keep_lines().start();
  auto d = local("make", 4).start();
  auto first = co_await wait_any(a, d);
  while (auto one = co_await a.next()) (void)one->ok();
  while (auto said = co_await a.next_line()) (void)said->text;
  auto seen = co_await expect_all(a, patterns().on("login: "), 5s);
  auto written = co_await write_all(a, "text");
  co_await close_all(a);
  a.suspend_launching();
  a.resume_launching();
  action_result end = co_await a.run();
  std::vector<action_result> of_members = end.parts();
  auto in_time = co_await timeout(a.run(), 60s);
  a.kill();
  a.request_stop();
  a.of("n1").kill();

  for (const host_result& each : end.all()) (void)each.host;
  for (const output_group& g : end.by_output()) (void)g.hosts, (void)g.sample.out;
  (void)end["n1"].out, (void)end["n1"].err, (void)end["n1"].exit_code();
  (void)end.by_error(), (void)end.failed(), (void)end.failed_hosts(), (void)end.codes();
  (void)end.max_code(), (void)end.stats().ok, (void)end.hosts(end_reason::timed_out);
  (void)end.stats().count(end_reason::timed_out);
  (void)filter_bad_hosts(hosts, end);
  (void)report().add(end).to_string(report_options().wide());
  (void)report().add(end).to_json();

  auto both = parallel(std::move(to), std::move(from));
  auto steps = sequential(std::move(b), std::move(c));
  auto [x, y] = co_await when_all(both.run(), steps.run());
}

task<int> answer() { co_return 42; }

task<> coroutines() {
  auto [x, y] = co_await when_all(answer(), answer());
  (void)x, (void)y;
  auto winner = co_await when_any(answer(), answer());
  (void)winner;
  auto maybe = co_await timeout(answer(), 1s);
  (void)maybe;
  std::vector<task<int>> many;
  many.push_back(answer());
  auto bounded = co_await when_all(std::move(many)).max_in_flight(8);
  auto nursery = [](scope& s) -> task<> {
    s.spawn(answer());
    co_return;
  };
  co_await with_scope(std::move(nursery));
  channel<int> queue(4);
  (void)co_await queue.send(1);
  auto taken = co_await queue.receive();
  (void)taken;
  co_await sleep(1s);
  co_await sleep_until(parse_time("2030-01-01 12:00"));
  timer t(5s);
  (void)t.elapsed(), (void)t.remaining();
  co_await t.wait_elapsed(1s);
  ticker every(1s);
  while (co_await every.next()) break;
  signals interrupt(SIGINT);
  int number = co_await interrupt.next();
  (void)number;
}

int main() {
  result r = run("ls", {"-l"});
  r = run(process("ls -l").cwd("/srv").timeout(5s)).check();
  action_result end = sync_wait(remote("uname", "n[1-9]").run());
  std::future<result> later = as_future(process("true").run());
  auto run = start(process("true").run(), [](outcome<result>) {});
  run.request_stop();

  context where;
  auto here = process("true").on(where);
  r = sync_wait(where, std::move(here));

  host n1("root@n1:22");
  host_set nodes = "node[1-200],@rack1";
  nodes -= "node7";
  (void)(nodes & "node[1-9]").expand(), (void)nodes.to_string(), (void)nodes.split(3);
  (void)range_set("1-9/2").to_string(), (void)groups::standard().members("rack1");
  (void)format_local_time(r.started()), (void)format_duration_exact(r.elapsed());
  (void)parse_duration("1:30:00"), (void)parse_time("2030-01-01 12:00");
  set_log(log_level::info, log_to());
  config mine = load_config();
  auto by_config = make_remote("uname", "n[1-9]", mine);
  set_connection_defaults(where, ssh_options());
  sync_wait(processes(std::make_shared<my_handler>()));
  sync_wait(network());
  sync_wait(actions(nodes, {1, 2}, std::make_shared<action_handler>()));
  sync_wait(coroutines());
  return run_main(answer());
}
