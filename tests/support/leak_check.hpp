// "Nothing outlives its awaiter", checked after every test: no open descriptor and no child process
// that was not there before.
#pragma once

namespace execo::test {

/// Takes what is open and running now as part of the base from here on, for the test that runs and
/// for those after it. For things that are made once per process, on first need, and stay: call it
/// right after they are made, for instance after the first use of context::default_instance().
void accept_as_base();

/// Runs a process on context::default_instance(), and takes what it opens once as part of the base.
void accept_default_context();

/// Adds the check to this program's tests. test_main does it.
void install_leak_check();

}  // namespace execo::test
