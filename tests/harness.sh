#!/usr/bin/env bash
set -euo pipefail
# Holds the scripts to what they promise, and the server to them, with nothing of the server's own:
# openssl signs, verifies and hashes. One line for each promise, as TAP (https://testanything.org).
# What the server owes to any client is tests/conformance.sh.

usage() {
    cat <<'EOF'
usage: tests/harness.sh [BINARY]

Tests BINARY (default: target/release/udpsocket-jwt-server, or else target/debug/...) on loopback,
in a directory of its own that is removed at the end. Ends with 1 if a promise is not kept.
EOF
}

die() { printf 'harness.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -le 1 ]] || { usage >&2; exit 2; }
((BASH_VERSINFO[0] >= 4)) || die "needs bash 4 or later: brew install bash"
command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
ssh='' # the option with which HEARTBEAT gets an OpenSSH key; where CI is set, nothing is left out
if command -v ssh-keygen >/dev/null; then ssh=--ssh; elif [[ -n ${CI:-} ]]; then die "needs ssh-keygen: apt install openssh-client"; fi
(exec 3<>/dev/udp/127.0.0.1/9) 2>/dev/null || die "this bash was built without /dev/udp: install your system's own bash"
export LC_ALL=C
unset TIMEOUT STARTS LIFETIME timeout starts # client.sh's settings are this harness's, not the caller's

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
binary=$root/target/release/udpsocket-jwt-server
[[ -x $binary ]] || binary=$root/target/debug/udpsocket-jwt-server
[[ $# -eq 0 ]] || binary=$1
[[ -f $binary && -x $binary ]] || die "$binary: no such program; build it with: cargo build --release"
[[ $binary == */* ]] || binary=./$binary

dir=$(mktemp -d "${TMPDIR:-/tmp}/harness.XXXXXX")
exec 4>&1 # where TAP goes, also while a check's own output goes elsewhere
planned='' # set when every check has run
server='' waiting='' # what runs in the background: the server, and a client
clean_up() {
    local process
    for process in $server $waiting; do
        kill -9 "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$dir"
    [[ -n $planned ]] || echo 'Bail out! The harness itself stopped before its end.' >&4
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- one check, one line ----------------------------------------------------------------------------

count=0 failures=0

# A check is a function, run here and not in a subshell. What it prints is shown if it fails. bash
# does not stop at the first error inside a condition, so the commands of a check are joined by &&.
check() { # PROMISE COMMAND...
    local promise=$1 line
    shift
    count=$((count + 1))
    if "$@" >"$dir/said" 2>&1; then
        printf 'ok %s - %s\n' "$count" "$promise"
    else
        failures=$((failures + 1))
        printf 'not ok %s - %s\n' "$count" "$promise"
        while IFS= read -r line || [[ -n $line ]]; do printf '#   %s\n' "$line"; done <"$dir/said"
    fi
}

skip() { # PROMISE WHY
    count=$((count + 1))
    printf 'ok %s - %s # SKIP %s\n' "$count" "$1" "$2"
}

same() { # WHAT FOUND WANTED
    [[ $2 == "$3" ]] || { printf '%s is\n  %s\nand should be\n  %s\n' "$1" "$2" "$3"; return 1; }
}

mode() { stat -c %a "$1" 2>/dev/null || stat -f %Lp "$1"; } # GNU, or BSD and macOS

# --- a server, and datagrams ------------------------------------------------------------------------

# Starts a server; sets server (its process) and port.
start() { # ADDRESS PORT DIR
    local wait
    [[ -z $server ]] || kill_server # left by a check that failed
    : >"$3/stdout"
    "$binary" --quiet "$1" "$2" "$3" >"$3/stdout" 2>"$3/stderr" &
    server=$!
    for ((wait = 0; wait < 250; wait++)); do
        if [[ $(cat "$3/stdout") =~ 'listening on '.*:([0-9]+) ]]; then
            port=${BASH_REMATCH[1]}
            return 0
        fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.02
    done
    printf 'the server did not start:\n%s\n' "$(cat "$3/stderr")"
    return 1
}

kill_server() { # as hard as a power cut to the process: nothing can be put in order before it ends
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    server=''
}

base64url() { openssl base64 -A | tr '/+' '_-' | tr -d '='; }
sha256() { openssl dgst -sha256 -r | cut -d ' ' -f 1; }

# --- keygen.sh --------------------------------------------------------------------------------------

class=$dir/class
secret=$class/keys_priv/key_secret_for_hmac.txt
mkdir "$class"

makes_keys() {
    (
        umask 000
        for group in JAVALI NONAME; do "$root/scripts/keygen.sh" "$group" "$class" || exit 1; done
        "$root/scripts/keygen.sh" ${ssh:+"$ssh"} HEARTBEAT "$class"
    ) && same "keys_priv's mode" "$(mode "$class/keys_priv")" 700 \
        && same "the private key's mode" "$(mode "$class/keys_priv/JAVALI.pem")" 600 \
        && same "the secret's mode" "$(mode "$secret")" 600 \
        && same "the secret's size" "$(($(wc -c <"$secret")))" 65
}

is_a_pair() {
    same 'the public key' "$(openssl pkey -in "$class/keys_priv/JAVALI.pem" -pubout)" "$(cat "$class/keys_pub/JAVALI.pem")" \
        && [[ $(openssl pkey -pubin -in "$class/keys_pub/JAVALI.pem" -noout -text) == *'(2048 bit)'* ]]
}

is_openssh() {
    same 'the public key' "$(cat "$class/keys_pub/HEARTBEAT.ssh")" "$(ssh-keygen -y -f "$class/keys_priv/HEARTBEAT.pem" | cut -d ' ' -f 1,2) HEARTBEAT"
}

keeps_keys() {
    local before
    before=$(cat "$class"/keys_*/* | sha256)
    "$root/scripts/keygen.sh" JAVALI "$class" \
        && "$root/scripts/keygen.sh" ${ssh:+"$ssh"} HEARTBEAT "$class" \
        && same 'the SHA-256 of all keys' "$(cat "$class"/keys_*/* | sha256)" "$before"
}

keeps_a_public_key_of_others() {
    cp "$class/keys_pub/JAVALI.pem" "$class/keys_pub/Theirs.pem"
    ! "$root/scripts/keygen.sh" THEIRS "$class" 2>&1 \
        && same "the group's own key" "$(cat "$class/keys_pub/Theirs.pem")" "$(cat "$class/keys_pub/JAVALI.pem")" \
        && [[ ! -e $class/keys_priv/THEIRS.pem ]] \
        && rm "$class/keys_pub/Theirs.pem"
}

# An openssl that fails at one command.
fails_where_openssl_does() {
    local command class=$dir/failing
    mkdir -p "$class/bin"
    for command in genpkey rsa rand; do
        # shellcheck disable=SC2016 # the stand-in expands them
        printf '#!/bin/sh\n[ "$1" != %s ] || exit 1\nexec %s "$@"\n' "$command" "$(command -v openssl)" >"$class/bin/openssl"
        chmod +x "$class/bin/openssl"
        ! PATH=$class/bin:$PATH "$root/scripts/keygen.sh" JAVALI "$class" || return 1
        case $command in
            genpkey) same 'what it has made' "$(find "$class"/keys_* -type f)" '' || return 1 ;;
            rsa) same 'the public keys' "$(find "$class/keys_pub" -type f)" '' || return 1 ;;
            rand) [[ ! -e $class/keys_priv/key_secret_for_hmac.txt ]] || { echo 'it made a secret'; return 1; } ;;
        esac
    done
}

check 'keygen.sh makes keys that only their owner can read, whatever the umask' makes_keys
check 'keygen.sh puts the public half of an RSA key with 2048 bits into keys_pub' is_a_pair
if [[ -n $ssh ]]; then
    check 'keygen.sh --ssh writes it as a line of OpenSSH' is_openssh
else
    skip 'keygen.sh --ssh writes it as a line of OpenSSH' 'no ssh-keygen on this machine'
fi
check 'keygen.sh run again changes nothing' keeps_keys
check 'keygen.sh leaves a public key alone whose private key it does not have' keeps_a_public_key_of_others
check 'keygen.sh ends where openssl fails, and leaves no half of anything' fails_where_openssl_does

# --- sign.sh and verify.sh --------------------------------------------------------------------------

signs_exactly() {
    local claims='{"a": "%s \\n é", "b":[1,2] }' text jws signature
    jws=$("$root/scripts/sign.sh" "$class/keys_priv/JAVALI.pem" "$claims") || return 1
    text=$(printf '%s' '{"alg":"RS256","typ":"JWT"}' | base64url).$(printf '%s' "$claims" | base64url)
    same 'what is signed' "${jws%.*}" "$text" || return 1
    signature=$(printf '%s' "${jws##*.}" | tr '_-' '/+')== # 256 bytes of signature always lack two
    printf '%s' "$signature" | openssl base64 -d -A >"$dir/signature"
    printf '%s' "$text" | openssl dgst -sha256 -verify "$class/keys_pub/JAVALI.pem" -signature "$dir/signature" || return 1
    # And from standard input, with whatever newlines are there.
    jws=$(printf '%s\n\n' "$claims" | "$root/scripts/sign.sh" "$class/keys_priv/JAVALI.pem") || return 1
    text=${jws#*.}
    same 'the payload from standard input' "${text%.*}" "$(printf '%s\n\n' "$claims" | base64url)"
}

# RFC 7515 appendix A.1: a key of 64 bytes, and the JWS that it makes.
rfc_key=AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==
rfc_jws=eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9
rfc_jws+=.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
rfc_jws+=.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk

verifies_the_rfc() {
    local newline
    for newline in '' $'\n' $'\r\n'; do
        { printf '%s' "$rfc_key" | openssl base64 -d -A; printf '%s' "$newline"; } >"$dir/key"
        [[ $("$root/scripts/verify.sh" "$dir/key" "$rfc_jws") == '{"iss":"joe",'* ]] || return 1
        [[ $(echo "$rfc_jws" | "$root/scripts/verify.sh" "$dir/key") == '{"iss":"joe",'* ]] || return 1
    done
}

refused() { # TOKEN: prints no claims, says why, and ends with 1
    local said status=0
    said=$("$root/scripts/verify.sh" "$dir/key" "$1" 2>"$dir/why") || status=$?
    same 'standard output' "$said" '' && same 'the exit status' "$status" 1 && [[ -s $dir/why ]]
}

refuses_the_rest() {
    local key header rest
    key=$(printf '%s' "$rfc_key" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    printf '%s' "$rfc_key" | openssl base64 -d -A >"$dir/key"
    for header in '{"alg":"none"}' '{"alg":"HS384"}' '{"alg":"HS256","crit":["exp"],"exp":1}'; do
        rest=${rfc_jws#*.}
        rest=$(printf '%s' "$header" | base64url).${rest%.*}
        rest+=.$(printf '%s' "$rest" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64url)
        refused "$rest" || return 1
    done
    refused "${rfc_jws%?}l" && refused "${rfc_jws%?}" && refused "$rfc_jws=" \
        && refused "${rfc_jws%.*}." && refused "${rfc_jws%.*}" && refused '' \
        && printf '\n\n' >>"$dir/key" && refused "$rfc_jws"
}

check 'sign.sh signs the very bytes it is given' signs_exactly
check 'verify.sh verifies the example of RFC 7515 A.1, with one LF or CRLF after the key or none' verifies_the_rfc
check 'verify.sh refuses another alg, crit, a damaged HMAC, a shorter one, and a key with two newlines' refuses_the_rest

# --- what a script cannot use -----------------------------------------------------------------------

says() { # STATUS WORDS SCRIPT ARGUMENT...
    local said status=0
    said=$("$root/scripts/$3" "${@:4}" 2>&1 </dev/null) || status=$?
    [[ $status == "$1" && $said == *"$2"* ]] || { printf '%s ends with %s and says\n%s\nand not %s, %s\n' "${*:3}" "$status" "$said" "$1" "$2"; return 1; }
}

say_what_they_cannot_use() {
    local key=$class/keys_priv/JAVALI.pem script to=(127.0.0.1 5555)
    local keys=("$key" "$secret")
    for script in 'client.sh 127.0.0.1 5555 JAVALI 3 key secret' 'sign.sh key' 'verify.sh secret' 'keygen.sh JAVALI' 'demo.sh --once' 'fuzz.sh 1'; do
        # shellcheck disable=SC2086 # they are words
        [[ $(PATH=/none "$BASH" "$root/scripts/${script%% *}" ${script#* } 2>&1) == *'needs OpenSSL 3: apt install openssl'* ]] || { echo "$script without openssl"; return 1; }
    done
    : >"$dir/empty"
    [[ -z $ssh ]] || ssh-keygen -q -t rsa -b 2048 -N '' -f "$dir/of-openssh" || return 1
    says 1 'no such file, or not readable; scripts/keygen.sh makes one' sign.sh "$dir/none" '{}' \
        && says 1 'is not an RSA private key: scripts/keygen.sh makes one' sign.sh "$class/keys_pub/JAVALI.pem" '{}' \
        && { [[ -z $ssh ]] || says 1 "is in OpenSSH's own form" sign.sh "$dir/of-openssh" '{}'; } \
        && says 1 "it must be the server's key_secret_for_hmac.txt" verify.sh "$dir/none" e30 \
        && says 1 'no secret in it' verify.sh "$dir/empty" e30 \
        && says 1 'there is no reply to verify' verify.sh "$secret" '' \
        && says 1 'not a compact JWS' verify.sh "$secret" hello \
        && says 1 "the header's alg must be HS256" verify.sh "$secret" "$("$root/scripts/sign.sh" "$key" '{}')" \
        && says 2 "GROUP is 'a b'" client.sh "${to[@]}" 'a b' 3 "${keys[@]}" \
        && says 2 "PORT is 'x'" client.sh 127.0.0.1 x JAVALI 3 "${keys[@]}" \
        && says 2 "MEMBERS is '0'" client.sh "${to[@]}" JAVALI 0 "${keys[@]}" \
        && says 2 '1 matriculas for 3 members' client.sh "${to[@]}" JAVALI 3 "${keys[@]}" 7 \
        && says 2 "MATRICULA is '07'" client.sh "${to[@]}" JAVALI 1 "${keys[@]}" 07 \
        && says 1 'scripts/keygen.sh makes the keys' client.sh "${to[@]}" JAVALI 3 "$key" "$dir/none" \
        && TIMEOUT=x says 2 "TIMEOUT is 'x'" client.sh "${to[@]}" JAVALI 3 "${keys[@]}" \
        && STARTS=x says 2 "STARTS is 'x'" client.sh "${to[@]}" JAVALI 3 "${keys[@]}" \
        && LIFETIME=x says 2 "LIFETIME is 'x'" client.sh "${to[@]}" JAVALI 3 "${keys[@]}" \
        && says 2 "GROUP is 'a b'" keygen.sh 'a b' "$dir" \
        && says 2 'unknown option --pem' keygen.sh --pem JAVALI "$dir" \
        && says 2 "unknown argument 'x'" demo.sh x \
        && says 2 '--port needs a number from 0 to 65535' demo.sh --port 70000 \
        && says 2 "SECONDS is 'x'" fuzz.sh x \
        && says 2 "no target is called 'x'" fuzz.sh 1 x
}
check 'each script says what it cannot use, and ends with 1, or 2 where the command line is wrong' say_what_they_cannot_use

# --- the server -------------------------------------------------------------------------------------

start_here() { start 127.0.0.1 0 "$class"; }
check 'the server starts on a free port and says which' start_here
[[ -n ${port:-} ]] || die 'without a server, the rest cannot be checked'

client() { # GROUP MEMBERS [MATRICULA ...]
    TIMEOUT=${timeout:-1} STARTS=${starts:-0} "$root/scripts/client.sh" 127.0.0.1 "$port" "$1" "$2" \
        "$class/keys_priv/$1.pem" "$secret" "${@:3}"
}

over() { # GROUP: it begins anew
    "$root/scripts/sign.sh" "$class/keys_priv/$1.pem" "{\"group\":\"$1\",\"seq_number\":0,\"matricula\":0}" \
        >"/dev/udp/127.0.0.1/$port" && sleep 0.1
}

of_other_members() {
    local said status=0
    said=$(client JAVALI 2 2>&1) || status=$?
    printf '%s\n' "$said"
    same 'the exit status' "$status" 1 && [[ $said == *'next_number after 2 is 3, not 0: does JAVALI have 2 members?'* ]] && over JAVALI
}

check 'client.sh asks for the members where next_number is another than it should be' of_other_members
check 'client.sh gets a group of 3 in, the members one after the other' client JAVALI 3 101 102 103
check "client.sh gets a group of 1 in${ssh:+, with an OpenSSH key}" client HEARTBEAT 1 301

by_redirection() { # only a group that has started over takes 1 again
    client NONAME 4 && over NONAME && client NONAME 4
}
check 'sign.sh straight into /dev/udp is one datagram' by_redirection

# The client begins while nobody listens, and again where the group is not: it has to start over.
client_waits() {
    local status=0
    kill_server
    timeout=0.25 starts=3 client JAVALI 3 &
    waiting=$!
    sleep 0.4
    start 127.0.0.1 "$port" "$class" || status=1
    wait "$waiting" || status=1
    waiting=''
    return "$status"
}
check 'client.sh outlasts a server that is down, and starts over when it is out of order' client_waits

gives_up() {
    local status=0
    kill_server
    timeout=0.02 client JAVALI 3 || status=$?
    same 'the exit status' "$status" 1
}
check 'client.sh gives up in the end when nobody answers' gives_up

# --- demo.sh, fuzz.sh and release.sh, in a copy, with stand-ins for cargo ----------------------------------------

copy=$dir/copy
mkdir -p "$copy/bin" "$copy/scripts" "$copy/target/release"
cp "$root"/scripts/*.sh "$copy/scripts"
stand_in() { printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod +x "$1"; } # FILE SCRIPT

# The examiner loses, damages and mixes up the replies, otherwise each time. (With less sleep, so that it takes
# seconds.)
demo_is_not_fooled() {
    local wait number lost right next
    stand_in "$copy/bin/cargo" 'exit 0'
    stand_in "$copy/bin/sleep" "exec $(command -v sleep) 0.002"
    stand_in "$copy/target/release/udpsocket-jwt-server" "exec '$(realpath "$binary")' --trial \"\$@\""
    mkdir "$copy/demo"
    cp -R "$root"/tests/vectors/class/keys_* "$copy/demo" # it keeps them
    : >"$copy/demo.out"
    PATH=$copy/bin:$PATH "$copy/scripts/demo.sh" --once >"$copy/demo.out" 2>&1 &
    waiting=$!
    for ((wait = 0; wait < 1000; wait++)); do
        if [[ $(<"$copy/demo.out") == *'seq_number 3 of 3'* ]] || ! kill -0 "$waiting" 2>/dev/null; then break; fi
        sleep 0.02
    done
    kill "$waiting" 2>/dev/null || true
    wait "$waiting" || true
    waiting=''
    [[ $(<"$copy/demo.out") == *'seq_number 3 of 3'* ]] || { cat "$copy/demo.out"; return 1; }
    # Some copies met a wrong reply, and the first copy of a number comes behind the right reply to the one before.
    lost=$(grep '"lost":' "$copy/demo/requests.jsonl" | grep -cv '"lost":"re\(quest\|ply\)"') || true
    ((lost > 0)) || { echo 'no reply was a wrong one'; cat "$copy/demo/requests.jsonl"; return 1; }
    for number in 1 2; do
        right=$(grep -nm 1 "\"answered\".*\"seq_number\":${number}[,}]" "$copy/demo/requests.jsonl") || true
        next=$(grep -nm 1 "\"seq_number\":$((number + 1))[,}]" "$copy/demo/requests.jsonl") || true
        if [[ -z $right ]] || ((${next%%:*} < ${right%%:*})); then
            echo "it went on from $number without the right reply"
            cat "$copy/demo.out"
            return 1
        fi
    done
}
check 'demo.sh takes no reply but the one whose HMAC and id_request are right' demo_is_not_fooled

fuzz_tells_of_a_crash() {
    local status=0
    stand_in "$copy/bin/cargo" 'case "$*" in *"fuzz run"*) echo "thread panicked at here"; exit 77 ;; esac'
    PATH=$copy/bin:$PATH "$copy/scripts/fuzz.sh" 1 groups_json >"$copy/fuzz.out" 2>&1 || status=$?
    same 'the exit status' "$status" 1 || { cat "$copy/fuzz.out"; return 1; }
    [[ $(<"$copy/fuzz.out") == *'groups_json failed'* ]] || { cat "$copy/fuzz.out"; return 1; }
    stand_in "$copy/bin/cargo" 'exit 0'
    PATH=$copy/bin:$PATH "$copy/scripts/fuzz.sh" 1 groups_json
}
if [[ -n $ssh ]]; then
    check 'fuzz.sh ends with 1 after a crash, and with 0 without' fuzz_tells_of_a_crash
else
    skip 'fuzz.sh ends with 1 after a crash, and with 0 without' 'no ssh-keygen on this machine'
fi

# Whatever the umask is, and whenever it is packed.
# shellcheck disable=SC2016 # the stand-ins' own
release_is_the_same_twice() {
    local mask into crate=$copy/home/registry/src/index/crate-1.0.0
    stand_in "$copy/bin/git" 'case $1 in log) echo 1700000000 ;; esac'
    stand_in "$copy/bin/rustc" "echo '$copy/rust'"
    stand_in "$copy/bin/cargo" 'case $1 in tree) echo "crate v1.0.0" ;; build) cd "$CARGO_TARGET_DIR" && mkdir -p "$5/release" && echo "$RUSTFLAGS" >"$5/release/udpsocket-jwt-server" ;; esac'
    mkdir -p "$copy/rust/share/doc/rust" "$crate/of/others" "$copy/src"
    echo library >"$copy/rust/share/doc/rust/COPYRIGHT-library.html"
    cp "$root/scripts/client.py" "$copy/scripts"
    cp "$root"/{Cargo.toml,LICENSE} "$copy"
    cp "$root"/src/client*.md "$copy/src"
    released() { (umask "$1" && CARGO_HOME=$copy/home CARGO_TARGET_DIR=$copy/target PATH=$copy/bin:$PATH "$copy/scripts/release.sh" "$2" x86_64-apple-darwin); }
    if released 022 "$copy/none" >"$copy/release.out" 2>&1; then echo 'a crate has no licence'; return 1; fi
    grep "crate-1.0.0: there is no licence in it" "$copy/release.out" || { cat "$copy/release.out"; return 1; }
    touch "$crate/LICENSE-MIT" "$crate/of/others/licence.txt" "$crate/README"
    for mask in 022 077; do released "$mask" "$copy/released-$mask" || return 1; done
    into=$copy/released-077
    cmp "$copy/released-022/SHA256SUMS" "$into/SHA256SUMS" && (cd "$into" && sha256sum -c SHA256SUMS) || return 1
    same 'the archive' "$(tar tzf "$into"/*.tar.gz | sed 's|[^/]*/||' | grep -v '/$' | xargs)" 'LICENSE client.md client.pt.md client.py licences/crate/LICENSE-MIT licences/crate/of/others/licence.txt licences/rust/COPYRIGHT-library.html udpsocket-jwt-server' || return 1
    stand_in "$copy/bin/git" 'case $1 in status) echo " M src/main.rs" ;; esac'
    if released 022 "$copy/none"; then echo 'no commit is packed'; return 1; fi
}
if [[ $(tar --version) == *GNU* ]]; then
    check 'release.sh gives the same bytes twice, each licence in them, of nothing but a commit' release_is_the_same_twice
else
    skip 'release.sh gives the same bytes twice, each licence in them, of nothing but a commit' 'no GNU tar on this machine'
fi

# --- over IPv6 ----------------------------------------------------------------------------------------

# The same keys and secret; only the newline after the secret is another.
on_ipv6() {
    mkdir "$dir/crlf" && cp -R "$class"/keys_* "$dir/crlf" \
        && printf '%s\r\n' "$(cat "$secret")" >"$dir/crlf/keys_priv/key_secret_for_hmac.txt" \
        && start ::1 0 "$dir/crlf" \
        && TIMEOUT=1 "$root/scripts/client.sh" ::1 "$port" JAVALI 3 "$class/keys_priv/JAVALI.pem" "$secret" && kill_server
}
if (exec 3<>/dev/udp/::1/9) 2>/dev/null; then
    check 'over IPv6 as well, where CRLF ends the secret of the server and LF that of the client' on_ipv6
else
    skip 'over IPv6 as well, where CRLF ends the secret of the server and LF that of the client' 'no IPv6 on this machine'
fi

echo "1..$count"
planned=yes
((failures == 0)) || { echo "# $failures of $count failed"; exit 1; }
