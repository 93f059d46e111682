#!/bin/sh
# Usage: python-headers.sh PYTHON FOLDER
# Prints the CPATH with which gcc finds Python.h: as it is where the headers are installed.
# Debian and Ubuntu keep them in python3-dev. Where that is missing they are unpacked into FOLDER
# with apt-get and dpkg, as any user; the system is left as it is.
set -eu

version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
include=$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')
if [ -e "$include/Python.h" ]; then
    echo "${CPATH:-}"
    exit 0
fi

package=libpython$version-dev
mkdir -p "$2"
cd "$2"
if [ ! -e "usr/include/python$version/Python.h" ]; then
    echo "== Python.h is missing: unpacking the headers of $package into $2" >&2
    private="-o Dir::State::Lists=$PWD/lists -o Dir::Cache=$PWD/cache -o APT::Sandbox::User="
    mkdir -p lists/partial cache/archives/partial
    # shellcheck disable=SC2086 # several options
    if ! {
        apt-get -qq download "$package" ||
            { apt-get -qq $private update && apt-get -qq $private download "$package"; }
    } >apt.log 2>&1 || ! dpkg -x "$package"_*.deb . >>apt.log 2>&1; then
        cat apt.log >&2
        echo "== That failed. Install python$version's headers (apt install python3-dev)." >&2
        exit 1
    fi
fi
echo "$PWD/usr/include/python$version:$PWD/usr/include"
