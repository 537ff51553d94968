/// Values of execo in fmt::format, and in std::format where the standard library has it: results,
/// hosts, sets of hosts, end_reason, phase, ... The format specification is that of a string:
/// `{:>20}`. A duration is the standard's own type: format_duration(d), or <fmt/chrono.h>.
#pragma once

#include <string_view>

#include "execo/action.hpp"
#include "execo/connection.hpp"
#include "execo/detail/text_of.hpp"
#include "execo/log.hpp"
#include "execo/patterns.hpp"
#include "execo/range_set.hpp"
#include "execo/report.hpp"

#if __has_include(<fmt/format.h>)
#include <fmt/format.h>
#define EXECO_WITH_FMT(...) __VA_ARGS__
#else
#define EXECO_WITH_FMT(...)
#endif

#if __has_include(<format>)
#include <format>
#endif
#if defined(__cpp_lib_format)
#define EXECO_WITH_STD_FORMAT(...) __VA_ARGS__
#else
#define EXECO_WITH_STD_FORMAT(...)
#endif

namespace execo::detail {

/// `Base` formats a std::string_view.
template <class T, class Base>
class text_formatter : public Base {
 public:
  template <class Context>
  auto format(const T& value, Context& context) const {
    return Base::format(std::string_view(text_of(value)), context);
  }
};

}  // namespace execo::detail

// One by one: a template for all types would be ambiguous with the formatters of ranges.
#define EXECO_FORMATTED(type)                                                                \
  EXECO_WITH_FMT(template <>                                                               \
                 class fmt::formatter<type, char>                                          \
                 : public execo::detail::text_formatter<                                   \
                       type, fmt::formatter<std::string_view, char>>{};) \
  EXECO_WITH_STD_FORMAT(template <>                                                        \
                        class std::formatter<type, char>                                   \
                        : public execo::detail::text_formatter<                            \
                              type, std::formatter<std::string_view, char>>{};) \
  static_assert(execo::detail::printed<type>)

EXECO_FORMATTED(execo::action_result);
EXECO_FORMATTED(execo::end_reason);
EXECO_FORMATTED(execo::exit_status);
EXECO_FORMATTED(execo::expect_end);
EXECO_FORMATTED(execo::host);
EXECO_FORMATTED(execo::host_keys);
EXECO_FORMATTED(execo::host_result);
EXECO_FORMATTED(execo::host_set);
EXECO_FORMATTED(execo::host_set_errc);
EXECO_FORMATTED(execo::kill_scope);
EXECO_FORMATTED(execo::leftover_cause);
EXECO_FORMATTED(execo::log_level);
EXECO_FORMATTED(execo::phase);
EXECO_FORMATTED(execo::range_set);
EXECO_FORMATTED(execo::report);
EXECO_FORMATTED(execo::resource_usage);
EXECO_FORMATTED(execo::result);
EXECO_FORMATTED(execo::run_stats);
EXECO_FORMATTED(execo::stream);

#undef EXECO_FORMATTED
#undef EXECO_WITH_FMT
#undef EXECO_WITH_STD_FORMAT
