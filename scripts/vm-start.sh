#!/bin/sh
set -eu
# What the unit starts: the server of the release that this file is in, with its class and its settings.
# "start echo" prints the command line. LOGS and PORT stand in for the run's and the unit's in a trial.
cd -P -- "${0%/*}"
# shellcheck disable=SC1091
. ./settings
logs=${LOGS:-${VM_ROOT:-}/var/lib/udpsocket-jwt-server/$RUN}
mkdir -p "$logs"
# shellcheck disable=SC2086 # OPTIONS are words
exec "$@" "$PWD/udpsocket-jwt-server" --verbose $OPTIONS --keys "$PWD/class" --logs "$logs" "$ADDRESS" "${PORT:-5555}"
