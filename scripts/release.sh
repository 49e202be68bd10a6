#!/usr/bin/env bash
set -euo pipefail
# The programs that are handed out: for each system an archive, and the checksums of all.

targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-pc-windows-gnu)

usage() {
    cat <<EOF
usage: scripts/release.sh [DIR [TARGET...]]

Builds this commit for each TARGET, and writes into DIR (default: target/archives)

  udpsocket-jwt-server-VERSION-SYSTEM.tar.gz, or .zip for Windows
  SHA256SUMS

An archive has the program, its licence, the licences of all that is in the program, the student's sheet
and the first client. The same commit gives the same bytes, at the same path and with the same tools.

TARGET is one of Rust's. By default these are built, on Linux with an Intel or AMD processor:
  ${targets[*]}
On a Mac, with bash 4 and GNU tools: aarch64-apple-darwin x86_64-apple-darwin
EOF
}

die() { printf 'release.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null || die "needs $1: apt install $2"
}

case ${1:-} in -h | --help) usage; exit 0 ;; -*) usage >&2; exit 2 ;; esac
to=${1:-target/archives}
[[ $# -lt 2 ]] || targets=("${@:2}")

((BASH_VERSINFO[0] >= 4)) || die "needs bash 4 or later: brew install bash"
need git git
command -v cargo >/dev/null || die "needs Rust's cargo: https://rustup.rs"
for command in tar cp find; do
    [[ $("$command" --version 2>&1) == *GNU* ]] || die "needs GNU $command: brew install gnu-tar coreutils findutils, and their gnubin in the PATH"
done

mkdir -p -- "$to"
to=$(cd -- "$to" && pwd)
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
[[ -z $(git status --porcelain) ]] || die "git status shows changes: what is handed out is a commit"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# No path of this machine stands in a program.
export RUSTFLAGS="--remap-path-prefix=$cargo_home=cargo --remap-path-prefix=$PWD=."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Finds what a target needs, and sets `system`: its name in the archive's.
prepare() { # TARGET
    local compiler='' package='' name=${1//-/_}
    case $1 in
        x86_64-unknown-linux-musl) system=linux-x86_64 compiler=musl-gcc package=musl-tools ;;
        aarch64-unknown-linux-musl) system=linux-aarch64 compiler=aarch64-linux-gnu-gcc package=gcc-aarch64-linux-gnu ;;
        x86_64-pc-windows-gnu) system=windows-x86_64 compiler=x86_64-w64-mingw32-gcc package=gcc-mingw-w64-x86-64 ;;
        aarch64-apple-darwin | x86_64-apple-darwin) system=macos-${1%%-*} ;;
        *) die "there is no archive for '$1' (-h shows the targets)" 2 ;;
    esac
    [[ -d $(rustc --print target-libdir --target "$1") ]] || die "needs Rust's $1: rustup target add $1"
    [[ $system != windows-* ]] || need zip zip
    if [[ -n $compiler ]]; then
        need "$compiler" "$package"
        export "CC_$name=$compiler"
        [[ $compiler == musl-gcc ]] || export "CARGO_TARGET_${name^^}_LINKER=$compiler"
    fi
}

# The licences of what is in a program: the crates', those of Rust's library, and those of the C library.
licences() { # TARGET INTO
    local crate version source found rust
    while read -r crate version _; do
        [[ $crate != udpsocket-jwt-server ]] || continue
        source=$(echo "$cargo_home"/registry/src/*/"$crate-${version#v}")
        mapfile -t found < <(cd "$source" && find . -maxdepth 3 -type f -iregex '.*/\(un\)?\(licen[cs]e\|copying\)[^/]*')
        ((${#found[@]} > 0)) || die "$source: there is no licence in it"
        mkdir "$2/$crate"
        (cd "$source" && cp --parents -- "${found[@]}" "$2/$crate/")
    done < <(cargo tree --locked --target "$1" -e normal --prefix none -f '{p}' | sort -u)
    rust=$(rustc --print sysroot)/share/doc/rust
    mkdir "$2/rust"
    cp -- "$rust/COPYRIGHT-library.html" "$2/rust/"
    case $1 in
        *-linux-musl)
            [[ -r /usr/share/doc/musl/copyright ]] || die "needs the licence of musl: apt install musl"
            mkdir "$2/musl"
            cp /usr/share/doc/musl/copyright "$2/musl/"
            ;;
        *-windows-gnu)
            [[ -r /usr/share/doc/mingw-w64-common/copyright ]] \
                || die "needs the licence of mingw-w64: apt install mingw-w64-common"
            mkdir "$2/mingw-w64" "$2/libgcc"
            cp /usr/share/doc/mingw-w64-common/copyright "$2/mingw-w64/"
            cp -- "$rust/licenses/GPL-3.0-or-later.txt" "$rust/licenses/GCC-exception-3.1.txt" "$2/libgcc/"
            ;;
    esac
}

for target in "${targets[@]}"; do
    prepare "$target"
    cargo build --locked --release --target "$target" --bin udpsocket-jwt-server
    program=${CARGO_TARGET_DIR:-target}/$target/release/udpsocket-jwt-server
    [[ $system != windows-* ]] || program+=.exe
    name=udpsocket-jwt-server-$version-$system
    mkdir -p "$work/$name/licences"
    cp -- "$program" LICENSE src/client.md src/client.pt.md scripts/client.py "$work/$name/"
    licences "$target" "$work/$name/licences"
    find "$work/$name" -type d -exec chmod 755 {} +
    find "$work/$name" -type f -exec chmod 644 {} +
    chmod 755 "$work/$name/${program##*/}"
    find "$work/$name" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
    cd "$work"
    if [[ $system == windows-* ]]; then
        rm -f "$to/$name.zip"
        find "$name" | sort | zip -q -X "$to/$name.zip" -@
    else
        tar --sort=name --owner=0 --group=0 --numeric-owner -c "$name" | gzip -n >"$to/$name.tar.gz"
    fi
    cd "$OLDPWD"
done

cd "$to"
sha256sum "udpsocket-jwt-server-$version-"* >SHA256SUMS
cat SHA256SUMS
