/// Forward declarations of the public types.
#pragma once

#include "execo/detail/compiler.hpp"

namespace execo {

class action_result;
class context;
class deadlines;
class executor;
class host;
class host_result;
class host_set;
class process;
class remote;
class result;
class scope;
class signals;
class ssh_options;
class target;
template <class T>
class task;  // of void unless said otherwise: execo/task.hpp

}  // namespace execo
