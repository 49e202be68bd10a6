#!/usr/bin/env bash
set -euo pipefail
# Runs the tests that make sense on Windows: on Windows itself, or elsewhere under Wine. tests/README.md says
# why the others do not.

modules=(windows received start seam lab trial report protocol datagrams properties)
skipped=(
    beside_a_running_server_it_shows_how_each_group_stands
    a_client_that_closed_its_socket_is_told_that_nobody_holds_its_port
    without_v_or_explain_nobody_looks_for_a_port
    a_number_that_came_before_the_reply_to_the_one_before_is_told_so
    whole_records_that_were_joined_are_parted_again_by_what_the_error_says
)
under_wine=(
    no_client_notices_more_than_a_lost_datagram_when_the_server_is_killed_200_times
    while_records_are_appended_no_report_is_torn_or_falls_behind_the_one_before
    an_address_that_cannot_be_bound_is_named_with_the_way_out
    a_record_is_signed_evidence_to_openssl_too
    explain_is_silent_where_a_signed_reply_would_be_no_smaller
    a_directory_that_is_not_set_up_is_named_with_the_way_out
    the_client_in_bash_survives_lose_30
    the_client_in_bash_prints_the_otp_number_that_is_asked_for
)

die() { printf 'windows.sh: %s\n' "$1" >&2; exit 1; }

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
target=x86_64-pc-windows-gnu
[[ -d $(rustc --print target-libdir --target $target) ]] || die "needs Rust's $target: rustup target add $target"
if [[ ${OS:-} != Windows_NT ]]; then
    command -v wine >/dev/null || die "needs Wine: apt install wine wine64"
    command -v x86_64-w64-mingw32-gcc >/dev/null || die "needs MinGW: apt install gcc-mingw-w64-x86-64"
    skipped+=("${under_wine[@]}")
    unset CI # what gives a second opinion is not there
    made=${CARGO_TARGET_DIR:-$PWD/target}
    mkdir -p "$made/wine/dll" "$made/$target/tmp"
    export WINEPREFIX=$made/wine WINEPATH=$made/wine/dll WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
    export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine
    export CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc
    # Wine 8 lacks this library, of which Rust's calls one function.
    x86_64-w64-mingw32-gcc -shared -x c - -o "$made/wine/dll/bcryptprimitives.dll" -ladvapi32 <<'EOF'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length) { return SystemFunction036(bytes, length); }
EOF
    # Without openssl no key can be made there: the other tests have made them.
    ls "$made"/tmp/*.pem >/dev/null 2>&1 || die "needs the keys that the other tests make: cargo test"
    cp "$made"/tmp/*.pem "$made/$target/tmp/"
    rm -rf "$made/$target"/tmp/scratch-* # of a run that was stopped: Wine gives the same process numbers again
    trap 'wineserver -k 2>/dev/null || true' EXIT
fi

filters=()
for module in "${modules[@]}"; do filters+=("$module::"); done
for test in "${skipped[@]}"; do filters+=(--skip "$test"); done
cargo test --locked --target $target --test all -- "${filters[@]}"
