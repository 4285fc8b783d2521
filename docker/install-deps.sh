#!/bin/sh
# Installs what dsabench needs from the distribution's packages (Debian 12; Ubuntu 24.04 untested).
# The one list: the README's commands and both Dockerfiles use it.
# usage: docker/install-deps.sh [build|test]
#   build  what it takes to build and run the tool (default)
#   test   also what the tests, sanitizers, fuzz targets and format check need
set -eu
role=${1:-build}

build="git ca-certificates g++ cmake ninja-build lld pkg-config
  libcli11-dev libfmt-dev nlohmann-json3-dev libsqlite3-dev libsqlitecpp-dev
  libopenblas-openmp-dev libxxhash-dev libutf8proc-dev libboost-dev libjs-vega"
test="catch2 libbenchmark-dev clang clang-format sqlite3"
# The report is looked at in a browser; Ubuntu has none among its packages (its chromium is a snap).
if grep -qs '^ID=debian' /etc/os-release; then test="$test chromium-headless-shell fonts-dejavu-core"; fi

case "$role" in
  build) packages=$build ;;
  test) packages="$build $test" ;;
  *) echo "usage: $0 [build|test]" >&2; exit 2 ;;
esac

as_root=""
if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
installed() { dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed'; }
missing=""
for package in $packages; do
  # Any release of Boost's headers will do, and two of them cannot be installed side by side.
  pattern=$package
  if [ "$package" = libboost-dev ]; then pattern='libboost1.[0-9][0-9]-dev'; fi
  installed "$pattern" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get update -qq
  # shellcheck disable=SC2086  # a list of words
  $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
if [ "$role" = test ]; then
  # The sanitizers' runtime is a package of its own, named after clang's version.
  version=$(clang -dumpversion | cut -d. -f1)
  package="libclang-rt-$version-dev"
  installed "$package" || $as_root apt-get install -y -qq --no-install-recommends "$package" >/dev/null
fi
