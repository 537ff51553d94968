# shellcheck shell=bash
# What the scripts share: words, packages, builds, a key and a fleet. Sourced, after which the
# working directory is the top of the project.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '== %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# --- packages ---------------------------------------------------------------------------------

# shellcheck disable=SC2034
build_packages=(g++ cmake ninja-build pkg-config liburing-dev libssh-dev libfmt-dev libssl-dev
  libre2-dev zlib1g-dev libyaml-cpp-dev libtomlplusplus-dev nlohmann-json3-dev
  libbenchmark-dev)
# shellcheck disable=SC2034
demo_packages=(openssh-client)
# shellcheck disable=SC2034
test_packages=(ccache googletest libgtest-dev libgmock-dev clang-19 libclang-rt-19-dev clang-format-14
  libasio-dev libuv1-dev libglib2.0-dev openssh-client openssh-server
  dropbear-bin busybox-static csh tcsh fish zsh ksh strace gdb iproute2 sudo opendoas btrfs-progs
  tinysshd softhsm2 openssl python3-asyncssh python3-paramiko golang-go golang-golang-x-crypto-dev)

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    # Without a terminal nobody could type a password.
    if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
  else
    die "this needs root, and there is no sudo: $*"
  fi
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages NAME...: installs those that are missing, and says which. Nothing is ever removed.
need_packages() {
  local name missing=()
  command -v dpkg-query >/dev/null ||
    die "this is no Debian; please install what these are there: $*"
  for name in "$@"; do
    is_installed "$name" || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  apt_get update
  if [[ " ${missing[*]} " == *" openssh-server "* ]]; then
    install_without_daemon "${missing[@]}"
  else
    apt_get install -y --no-install-recommends --no-remove "${missing[@]}"
  fi
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0 "$@" </dev/null; }

# The tests start an sshd of their own, on a high port, as they need it. The system's daemon on
# port 22 is not wanted: it is neither started now (policy-rc.d) nor at the next boot (disable).
install_without_daemon() {
  local policy=/usr/sbin/policy-rc.d placed=no code=0
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    placed=yes
  fi
  apt_get install -y --no-install-recommends --no-remove "$@" || code=$?
  [ $placed = no ] || as_root rm -f $policy
  [ $code -eq 0 ] || die "apt-get could not install $*"
  if command -v systemctl >/dev/null; then
    as_root systemctl --quiet disable ssh.service ssh.socket 2>/dev/null || true
  else
    as_root update-rc.d ssh disable >/dev/null 2>&1 || true
  fi
}

# need_boost: unpacks the headers of Boost 1.81 into build-deps/, once. Its package is not installed:
# that would remove the one of 1.74. Without it the tests of Boost.Asio are left out, which is said.
need_boost() {
  local folder=build-deps/boost-1.81 part
  [ ! -d "$folder" ] || return 0
  mkdir -p build-deps
  part=$(mktemp -d build-deps/part-XXXXXX)
  say "unpacking libboost1.81-dev into $folder/"
  if (cd "$part" && apt-get -qq download libboost1.81-dev </dev/null) &&
    dpkg -x "$part"/libboost1.81-dev_*.deb "$part/all"; then
    mv "$part/all" "$folder"
  else
    say "libboost1.81-dev cannot be had: no tests with Boost.Asio"
  fi
  rm -rf "$part"
}

# --- builds -----------------------------------------------------------------------------------

# configure_and_build FOLDER COMPILER [CMAKE ARGUMENT]...
configure_and_build() {
  local folder=$1 compiler=$2
  shift 2
  compiler=$(command -v "$compiler")
  if command -v ccache >/dev/null; then
    # What one clone has compiled, another one does not compile again.
    export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
    # Precompiled headers are found again by their contents.
    export CCACHE_SLOPPINESS=pch_defines,time_macros
    set -- -D CMAKE_CXX_COMPILER_LAUNCHER=ccache "$@"
  fi
  # CMake forgets what it is told when it finds a build of another compiler or place in the folder.
  if [ -f "$folder/CMakeCache.txt" ] &&
    ! { grep -qx "CMAKE_CXX_COMPILER:.*=$compiler" "$folder/CMakeCache.txt" &&
      grep -qx "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$folder/CMakeCache.txt" &&
      grep -qx "CMAKE_GENERATOR:INTERNAL=Ninja" "$folder/CMakeCache.txt"; }; then
    rm -rf "$folder/CMakeCache.txt" "$folder/CMakeFiles"
  fi
  mkdir -p "$folder"
  # Each option is set again: CMake would keep those of the folder's last build.
  cmake -S . -B "$folder" -G Ninja -D CMAKE_CXX_COMPILER="$compiler" -D EXECO_UNITY=OFF \
    -D EXECO_CROSS_AGENT=ON -D EXECO_BUILD_TESTS=OFF -D EXECO_BUILD_BENCH=ON -D EXECO_BUILD_EXAMPLES=ON "$@" \
    >"$folder/configure.log" 2>&1 || {
    cat "$folder/configure.log" >&2
    return 1
  }
  cmake --build "$folder" -- -k 0  # all that is wrong, not the first alone
}

# first_of PROGRAM...: the first that is there.
first_of() {
  local name
  for name in "$@"; do
    if command -v "$name" >/dev/null; then
      echo "$name"
      return
    fi
  done
  die "none of these is installed: $*"
}

# Many hosts are many descriptors.
raise_descriptor_limit() { ulimit -S -n "$(ulimit -H -n)"; }

# --- a fleet ----------------------------------------------------------------------------------

# start_fleet FOLDER HOSTS [ARGUMENT]...: makes a key pair FOLDER/key, starts execo-fleet on a free
# port and waits until it is ready. Sets fleet_pid and fleet_port.
start_fleet() {
  local folder=$1 hosts=$2
  shift 2
  [ -f "$folder/key" ] || ssh-keygen -q -t ed25519 -N '' -C execo -f "$folder/key"
  : >"$folder/fleet.log"
  build/bin/execo-fleet --port 0 --hosts "$hosts" --authorized-keys "$folder/key.pub" "$@" \
    >"$folder/fleet.log" 2>&1 </dev/null &
  fleet_pid=$!
  for ((tick = 0; tick < 400; tick++)); do
    fleet_port=$(sed -n 's/.*ready:.* on port \([0-9]*\).*/\1/p' "$folder/fleet.log")
    [ -z "$fleet_port" ] || return 0
    kill -0 "$fleet_pid" 2>/dev/null || break
    sleep 0.05
  done
  die "execo-fleet does not start: $(tail -n 1 "$folder/fleet.log")"
}

# By its own pid, and not before it is gone.
stop_fleet() {
  [ -n "${fleet_pid:-}" ] || return 0
  kill -TERM "$fleet_pid" 2>/dev/null || true
  wait "$fleet_pid" 2>/dev/null || true
  fleet_pid=
}
