#include "tree/topology.hpp"

#include <optional>
#include <unordered_map>
#include <utility>

namespace execo::detail {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  std::size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool meet(const host_set& a, const host_set& b) { return !(a & b).empty(); }

// Those that others of them lead to.
std::vector<const topology::route*> led_to(const std::vector<const topology::route*>& all) {
  std::vector<const topology::route*> found;
  for (const topology::route* one : all)
    for (const topology::route* other : all)
      if (meet(other->to, one->from)) {
        found.push_back(one);
        break;
      }
  return found;
}

[[noreturn]] void fail(const std::string& route, const std::string& why) {
  throw topology_error("the route \"" + route + "\" " + why);
}

// Who starts whom, as it is being worked out.
class topology_walk {
 public:
  topology_walk(const topology& of, const std::string& root) : root_(root), turns_(of, root) {}

  void add(const host_set& targets) {
    for (const std::string& name : targets)
      if (name != root_) plan_[place(name)].role = planned_role::target;
  }
  std::vector<planned_host> take() { return std::move(plan_); }

 private:
  // No deeper than there are routes, none of which leads back.
  std::uint32_t place(const std::string& name) {
    auto known = places_.find(name);
    if (known != places_.end()) return known->second;
    planned_host made;
    made.name = name;
    if (std::optional<std::string> leader = turns_.leader_of(name)) made.leader = place(*leader);
    made.role = planned_role::gateway;
    auto index = static_cast<std::uint32_t>(plan_.size());
    plan_.push_back(std::move(made));
    places_.emplace(name, index);
    return index;
  }

  const std::string& root_;
  topology_turns turns_;
  std::vector<planned_host> plan_;
  std::unordered_map<std::string, std::uint32_t> places_;
};

}  // namespace

topology topology::read(std::string_view text, const set_meaning& meaning) {
  topology made;
  bool in_routes = false;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(trimmed(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.front() == '[' && line.back() == ']')
      in_routes = line == "[routes]" || line == "[Main]";
    else if (in_routes)
      made.add(line, meaning);
  }
  if (made.routes_.empty())
    throw topology_error("no route in the topology: write \"[routes]\" and lines \"FROM: TO\"");
  made.check_for_loops();
  return made;
}

void topology::add(const std::string& line, const set_meaning& meaning) {
  std::size_t sign = line.find_first_of(":=");
  if (sign == line.npos) fail(line, "has no ':': write \"FROM: TO\"");
  route made;
  made.text = line;
  made.from = meaning(std::string(trimmed(std::string_view(line).substr(0, sign))));
  made.to = meaning(std::string(trimmed(std::string_view(line).substr(sign + 1))));
  // A group may be empty.
  if (made.from.empty() || made.to.empty()) return;
  if (meet(made.from, made.to)) fail(line, "leads from a host to itself: take it out of one side");
  for (const route& other : routes_)
    if (meet(made.to, other.to))
      fail(line, "reaches hosts that \"" + other.text + "\" reaches too: keep one of them");
  routes_.push_back(std::move(made));
}

// Routes that no other route leads to are taken away, until none is left.
void topology::check_for_loops() const {
  std::vector<const route*> left;
  for (const route& one : routes_) left.push_back(&one);
  while (!left.empty()) {
    std::vector<const route*> rest = led_to(left);
    if (rest.size() == left.size())
      fail(rest.front()->text, "is part of a loop: hosts cannot lead to each other");
    left = std::move(rest);
  }
}

std::vector<planned_host> topology::plan(const std::string& root, const host_set& targets) const {
  topology_walk walk(*this, root);
  walk.add(targets);
  return walk.take();
}

// Each round takes the routes that no other one leads to.
std::size_t topology::longest_way() const {
  std::vector<const route*> left;
  for (const route& one : routes_) left.push_back(&one);
  std::size_t rounds = 0;
  for (; !left.empty(); ++rounds) left = led_to(left);
  return rounds;
}

// -- one at a time --------------------------------------------------------------------------------

topology_turns::topology_turns(const topology& of, const std::string& root)
    : routes_(of.routes()), root_(root), gateways_(routes_.size()) {
  find_gateways();
}

// From the root on: each round finds the routes that begin where others end.
void topology_turns::find_gateways() {
  host_set reached;
  for (std::size_t found = 1; found > 0;) {
    found = 0;
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      host_set hosts = routes_[i].from & reached;
      bool is_new = gateways_[i].hosts.size() < hosts.size() || begins(i, reached);
      if (!is_new) continue;
      gateways_[i].hosts = std::move(hosts);
      reached |= routes_[i].to;
      ++found;
    }
  }
}

bool topology_turns::begins(std::size_t i, const host_set& reached) const {
  return is_direct(i) && !reached.contains(routes_[i].to);
}

std::optional<std::size_t> topology_turns::route_to(const std::string& name) const {
  for (std::size_t i = 0; i < routes_.size(); ++i)
    if (routes_[i].to.contains(name)) return i;
  return std::nullopt;
}

std::optional<std::string> topology_turns::leader_of(const std::string& name) {
  std::optional<std::size_t> by = route_to(name);
  if (!by || is_direct(*by) || gateways_[*by].hosts.empty()) return std::nullopt;
  gateway_list& list = gateways_[*by];
  return list.hosts[list.turn++ % list.hosts.size()];
}

}  // namespace execo::detail
