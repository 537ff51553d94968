// Results for the tests of what is made of them.
#pragma once

#include <string>
#include <system_error>

#include "execo/host_result.hpp"
#include "process/lifecycle.hpp"

namespace execo::cli::test {

using detail::result_access;

inline host_result ended(const char* name, std::size_t index, end_reason how,
                         phase where = phase::run) {
  result r;
  result_access::name(r) = "true";
  result_access::how(r) = how;
  result_access::where(r) = where;
  result_access::elapsed(r) = std::chrono::milliseconds(1500);
  return host_result(host(name), index, std::move(r));
}

inline host_result exited(const char* name, std::size_t index, int code, std::string out = {},
                          std::string err = {}) {
  host_result r = ended(name, index, end_reason::exited);
  result_access::status(r) = exit_status::of_code(code);
  result_access::ok(r) = code == 0;
  r.out = std::move(out);
  r.err = std::move(err);
  return r;
}

inline host_result failed(const char* name, std::size_t index, end_reason how, phase where,
                          std::errc why, std::string context) {
  host_result r = ended(name, index, how, where);
  result_access::error(r) = std::make_error_code(why);
  result_access::set_context(r, std::move(context));
  return r;
}

}  // namespace execo::cli::test
