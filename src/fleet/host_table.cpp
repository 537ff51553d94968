#include "fleet/host_table.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include <execo/host_set.hpp>

namespace execo::fleet {

namespace {

std::vector<std::uint32_t> addresses(std::string_view text, std::string_view option) {
  std::vector<std::uint32_t> found;
  auto refuse = [&](const std::string& why) {
    throw usage_error(std::string(option) + " '" + std::string(text) + "': " + why);
  };
  try {
    host_set set{text};
    found.reserve(set.size());
    for (const std::string& name : set) {
      in_addr parsed{};
      if (::inet_pton(AF_INET, name.c_str(), &parsed) != 1)
        refuse("'" + name + "' is not an IPv4 address");
      std::uint32_t address = ntohl(parsed.s_addr);
      if (address >> 24 != 127) refuse(name + " is not in 127.0.0.0/8");
      found.push_back(address);
    }
  } catch (const host_set_error& e) {
    refuse(e.what());
  }
  if (found.empty()) refuse("names no host");
  return found;
}

}  // namespace

std::string address_text(std::uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." +
         std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

host_table::host_table(std::string_view hosts) {
  std::vector<std::uint32_t> all = addresses(hosts, "--hosts");
  hosts_.reserve(all.size());
  for (std::uint32_t address : all) hosts_.emplace(address, fault());
}

void host_table::add_fault(std::string_view set_and_kind) {
  std::size_t colon = set_and_kind.rfind(':');
  if (colon == std::string_view::npos)
    throw usage_error("--fault '" + std::string(set_and_kind) + "': SET:KIND expected");
  fault f;
  try {
    f = parse_fault_kind(set_and_kind.substr(colon + 1));
  } catch (const usage_error& e) {
    throw usage_error(std::string("--fault ") + e.what());
  }
  for (std::uint32_t address : addresses(set_and_kind.substr(0, colon), "--fault")) {
    auto host = hosts_.find(address);
    if (host == hosts_.end())
      throw usage_error("--fault '" + std::string(set_and_kind) + "': " + address_text(address) +
                        " is not in --hosts");
    host->second = f;
  }
}

const fault* host_table::find(std::uint32_t address) const noexcept {
  auto host = hosts_.find(address);
  return host == hosts_.end() ? nullptr : &host->second;
}

std::vector<std::uint32_t> host_table::with(fault_kind kind) const {
  std::vector<std::uint32_t> found;
  for (const auto& [address, f] : hosts_)
    if (f.kind == kind) found.push_back(address);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace execo::fleet
