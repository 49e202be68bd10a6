#!/usr/bin/env bash
set -euo pipefail
# Fuzzing: what the server reads, by the million, mutated so that each input reaches what the ones
# before it did not. The targets and what must hold in each are in tests/fuzz/fuzz_targets.

targets=(datagram key_file replay groups_json)

usage() {
    cat <<EOF
usage: scripts/fuzz.sh [SECONDS [TARGET...]]

Fuzzes each target (default: ${targets[*]}) for SECONDS (default: 60), one after the other.
What earlier runs have found interesting, in tests/fuzz/corpus, is where the next one begins.
An input that breaks something is kept in tests/fuzz/artifacts, and the exit is 1.
EOF
}

die() { printf 'fuzz.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]{0,6}$ ]] || { usage >&2; die "SECONDS is '$seconds': it must be a number, 1 or more" 2; }
known=" ${targets[*]} "
[[ $# -lt 2 ]] || targets=("${@:2}")
for target in "${targets[@]}"; do
    [[ $known == *" $target "* ]] || die "no target is called '$target'; there are$known" 2
done

command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
command -v ssh-keygen >/dev/null || die "needs ssh-keygen: apt install openssh-client, or brew install openssh"
command -v cargo >/dev/null || die "needs Rust's cargo: https://rustup.rs"
cargo +nightly --version >/dev/null 2>&1 \
    || die "needs Rust's nightly, for its sanitizers: rustup toolchain install nightly --profile minimal"
cargo +nightly fuzz --version >/dev/null 2>&1 || die "needs cargo-fuzz: cargo install cargo-fuzz"

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
fuzz=tests/fuzz
keys=$fuzz/keys
umask 077

# --- seeds: one input of each kind, from which the fuzzer starts -------------------------------------

seeds=$fuzz/seeds
byte() { printf '%b' "\\0$(printf '%o' "$1")"; }
step() { byte "$1"; byte "$2"; printf '%s\377\n' "$3"; } # SIGNING DISK TEXT: see datagram.rs
claims() { printf '{"group":"%s","seq_number":%s,"seq_max":3,"matricula":%s}' "$1" "$2" "$((100 + $2))"; }
with() { printf '{"group":"JAVALI","seq_number":1,"matricula":7%s}' "$1"; }

bytes() { base64 -d <<<"$1"; }
decoded() { # TEXT of base64url
    local text=${1//-/+}
    text=${text//_//}
    while ((${#text} % 4)); do text+='='; done
    base64 -d <<<"$text" 2>/dev/null || true
}
long=$(printf '%9000s' '')
number=0

seeds_of_datagram() {
    local datagram=$seeds/datagram options disk again n
    for options in 0 1 2 5 9; do
        { byte "$options"; for n in 1 1 2 3 3 0 1; do step 1 0 "$(claims JAVALI "$n")"; done; } >"$datagram/whole-$options"
    done
    {
        byte 1
        for n in 1 2 3; do step 2 0 "$(claims NONAME "$n")"; step 3 0 "$(claims SOQUETINHO "$n")"; done
    } >"$datagram/two"
    for disk in 1 2 3 4 8 12 17 18 19 20 28 52 60 64 128 192 66 130 194 179 243; do # each way to fail
        {
            byte $((number++ % 2))
            for n in 1 2 3; do step 1 "$disk" "$(claims JAVALI "$n")"; step 1 0 "$(claims JAVALI "$n")"; done
            step 1 "$disk" "$(claims JAVALI 3)"
            step 1 192 "$(claims JAVALI 3)"
        } >"$datagram/disk-$disk"
    done
    # A cut that did not reach the disk, then another record that failed, then the machine goes down.
    { byte 0; step 1 36 "$(claims JAVALI 1)"; step 1 1 "$(with '')"; step 1 128 "$(claims JAVALI 1)"; } >"$datagram/cut"
    # Four together: a repeat, two numbers of one group, one of another; then the same with a well disk.
    for disk in 0 1 2 3 4 20 28 66 130 194; do
        {
            byte 49
            for n in 0 0 0 1; do step 1 0 "$(claims JAVALI "$n")"; done
            for again in "$disk" 0 192; do
                for n in 1 2 3; do step 1 "$again" "$(claims JAVALI "$n")"; done
                step 2 0 "$(claims NONAME 1)"
            done
        } >"$datagram/together-$disk"
    done
    seeds_of_cases
}

# Every case of tests/vectors/datagrams.jsonl: what leads to its state, and its datagram. And where it is a
# token, its header and payload to be signed by the target, so that what is mutated verifies again.
seeds_of_cases() {
    local line before text first token header payload
    local name='^\{"name":"([^"]*)".*"before":\[([^]]*)\],.*"datagram":"([^"]*)"'
    local -A case_of=()
    while IFS= read -r line; do
        [[ $line =~ $name ]] || die "tests/vectors/datagrams.jsonl: this line is no case: ${line:0:100}"
        case_of[${BASH_REMATCH[1]}]=${BASH_REMATCH[3]}
    done <tests/vectors/datagrams.jsonl
    while IFS= read -r line; do
        [[ $line =~ $name ]] && before=${BASH_REMATCH[2]} text=${BASH_REMATCH[3]} number=$((number + 1))
        ((${#text} < 9000)) || continue # a datagram has up to 4,096 bytes
        {
            byte 1
            before=${before#\"} before=${before%\"}
            while [[ -n $before ]]; do
                first=${before%%\",\"*}
                printf '\0\0'; bytes "${case_of[$first]}"; printf '\377\n'
                before=${before:${#first}} before=${before#\",\"}
            done
            printf '\0\0'; bytes "$text"
        } >"$seeds/datagram/case-$number"
        token=$(bytes "$text" | tr -d '\0')
        if [[ $token =~ ^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$ ]]; then
            header=${BASH_REMATCH[1]} payload=${BASH_REMATCH[2]}
            { printf '\1\1\0'; decoded "$header"; printf '\377.'; decoded "$payload"; } >"$seeds/datagram/signed-$number"
        fi
    done <tests/vectors/datagrams.jsonl
}

key() { # FILE OPTION...: a private key, if there is none yet
    local file=$keys/keys_priv/$1
    [[ ! -s $file ]] || return 0
    openssl genpkey -out "$file.new" "${@:2}" 2>/dev/null || die "openssl could not make a key: genpkey ${*:2}"
    mv "$file.new" "$file"
}
key_file() { { printf '%s' "$2"; cat; } >"$seeds/key_file/$1"; } # NAME LETTER: see key_file.rs
hexadecimal() { printf '%b' "$(sed 's/ //g; s/../\\x&/g' <<<"$1")"; }
seeds_of_key_file() {
    local rsa private name line javali n numbers letter
    mkdir -p "$keys/keys_priv"
    rsa=(-algorithm RSA -pkeyopt)
    key 1024.pem "${rsa[@]}" rsa_keygen_bits:1024
    key 3072.pem "${rsa[@]}" rsa_keygen_bits:3072
    key exponent-3.pem "${rsa[@]}" rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3
    scripts/keygen.sh JAVALI "$keys" >/dev/null
    scripts/keygen.sh --ssh SOQUETINHO "$keys" >/dev/null
    key odd.pem "${rsa[@]}" rsa_keygen_bits:2049
    key pss.pem -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
    key ec.pem -algorithm EC -pkeyopt ec_paramgen_curve:P-256
    key ed25519.pem -algorithm ED25519

    for private in "$keys"/keys_priv/*.pem; do
        name=$(basename "$private" .pem)
        key_file "$name-private" F <"$private"
        openssl pkey -in "$private" -pubout | key_file "$name-public" F
        openssl pkey -in "$private" -pubout -outform DER | key_file "$name-spki" S
        case $name in pss | ec | ed25519) continue ;; esac
        openssl rsa -in "$private" -traditional 2>/dev/null | key_file "$name-pkcs1-private" F
        openssl rsa -in "$private" -RSAPublicKey_out 2>/dev/null | key_file "$name-pkcs1" F
        openssl rsa -in "$private" -RSAPublicKey_out -outform DER 2>/dev/null | key_file "$name-rsa" R
        line=$(ssh-keygen -y -f "$private" 2>/dev/null) || continue # too short for this ssh-keygen
        key_file "$name-ssh" F <<<"$line key@example"
        cut -d ' ' -f 2 <<<"$line" | openssl base64 -d -A | key_file "$name-blob" O
    done
    javali=$keys/keys_pub/JAVALI.pem
    n=$(openssl rsa -pubin -in "$javali" -noout -modulus)
    n=${n#*=}
    for numbers in "0000 03 010001 00$n" "0000 01 03 00$n" "0000 04 00010001 00$n" "0000 03 010001 0000$n" "0000 03 010001 $n" \
        "0000 03 010001 00${n%??}00" "0000 03 010001 007F$n" "1000 03 010001 00$n" "C000 03 010001 00$n" "00C0 03 010001 00$n"; do
        number=$((number + 1)) # not in the pipe, whose parts are processes of their own
        hexadecimal "$numbers" | key_file "numbers-$number" N
    done
    openssl pkey -pubin -in "$javali" -outform DER | key_file der F
    sed $'s/$/\r/' "$javali" | key_file crlf F
    sed 's/^-----END .*/-----END NOTHING-----/' "$javali" | key_file other-tag F
    awk '{ print } NR == 1 { print "Proc-Type: 4,ENCRYPTED\n" }' "$javali" | key_file headers F
    { echo "the key of JAVALI"; cat "$javali"; echo "the end"; } | key_file text F
    cat "$javali" "$javali" | key_file two F
    head -n 4 "$javali" | key_file cut F
    ssh-keygen -e -m RFC4716 -f "$keys/keys_pub/SOQUETINHO.ssh" | key_file ssh2 F
    { printf '\377\376'; while IFS= read -r -n 1 letter; do printf '%s\0' "${letter:-$'\n'}"; done <"$javali"; } | key_file utf16 F
    openssl req -new -x509 -key "$keys/keys_priv/JAVALI.pem" -subj /CN=x 2>/dev/null | key_file certificate F
    openssl req -new -key "$keys/keys_priv/JAVALI.pem" -subj /CN=x 2>/dev/null | key_file request F
    key_file ed25519-ssh F <<<"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 key"
    key_file cert-v01 F <<<"ssh-rsa-cert-v01@openssh.com AAAA key"
    key_file jwk F <<<'{"kty":"RSA","n":"AQAB","e":"AQAB"}'
    key_file secret F <"$keys/keys_priv/key_secret_for_hmac.txt"
    key_file secret-short F <<<short
}

record() { # GROUP SEQ_NUMBER TOKEN
    printf '{"time":"2024-02-29T22:13:20.123Z","peer":"192.0.2.7:50000","group":"%s","seq_number":%s,"seq_max":3,"matricula":%s,"token":"%s"}\n' \
        "$1" "$2" "$((100 + $2))" "$3"
}
replay() { { byte "$2"; byte "$3"; cat; } >"$seeds/replay/$1"; } # NAME READ FAILING: see replay.rs
seeds_of_replay() {
    local token=eyJ.eyJ.c2ln records failing n
    records=$(for n in 1 2 3; do record JAVALI "$n" "$token"; record pinhao "$n" e.e.c; done)
    for failing in 0 1 2; do
        replay "whole-$failing" 0 "$failing" <<<"$records"
        printf '%s' "${records:0:900}" | replay "torn-$failing" 7 "$failing"
    done
    record BRANCO 1 e.e.c | replay unknown 0 0
    record JAVALI 255 e.e.c | replay above 1 0
    record JAVALI 256 e.e.c | replay too-far 1 0
    record JAVALI 1 "${long:0:8100}" | replay too-long 0 0
    record JAVALI 1 "${long:0:7900}" | replay long 200 0
    printf '%s' "$long" | replay no-line 0 0
    { printf '%s' "${long:0:8192}"; record JAVALI 1 e.e.c; } | replay long-head 0 0
    printf '{}\n\n' | replay not-a-record 0 0
    replay empty 0 0 </dev/null
}

seeds_of_groups_json() {
    local table
    for table in '{"JAVALI":3,"PINHAO":255,"a-b_9":1}' '{"ALFA":[1,2,3],"BETA":[4]}' '{"ALFA":2,"alfa":3}' '{"ALFA":2,"ALFA":3}' \
        '{"ALFA":[1],"BETA":[1]}' '{"ALFA":[]}' '{"ALFA":0}' '{"ALFA":256}' '{"ALFA":"x"}' '{"ALFA":[1.5]}' '{"\u0041LFA":1}' \
        '{"":1}' '{"a b":1}' '{"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456":1}' '{}' '[]' 7 ''; do
        printf '%s\n' "$table" >"$seeds/groups_json/$number"
        number=$((number + 1))
    done
}

for target in "${targets[@]}"; do
    rm -rf "${seeds:?}/$target"
    mkdir -p "$seeds/$target"
    "seeds_of_$target"
done

# --- the runs ----------------------------------------------------------------------------------------

# cargo fuzz sets RUSTFLAGS, in whose presence cargo leaves the flags of .cargo/config.toml alone. That
# is as it must be: a sanitizer can't be linked into the static binary that they ask for.
for target in "${targets[@]}"; do
    cargo +nightly fuzz build --fuzz-dir "$fuzz" "$target" || die "$target does not build"
done

summary='' failed=''
for target in "${targets[@]}"; do
    corpus=$fuzz/corpus/$target
    mkdir -p "$corpus" "$fuzz/artifacts"
    log=$fuzz/artifacts/$target.log
    case $target in replay) longest=20000 ;; *) longest=8192 ;; esac # a record has up to 8,192 bytes, a datagram 4,096
    echo "$target: $seconds s; what it says is in $log"
    cargo +nightly fuzz run --fuzz-dir "$fuzz" "$target" "$corpus" "$seeds/$target" -- \
        -max_total_time="$seconds" -max_len="$longest" -timeout=10 -print_final_stats=1 \
        -dict="$fuzz/dictionaries/$target.dict" >"$log" 2>&1 </dev/null || failed+=" $target"
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\) .*/\1 edges, \2 features/p' "$log" | tail -n 1)
    summary+=$(printf '%-12s %10s executions, %s' "$target" "${executions:-no}" "${coverage:-nothing reached}")$'\n'
done

printf '%s' "$summary"
for target in $failed; do
    log=$fuzz/artifacts/$target.log
    grep -A 3 'panicked at' "$log" >&2 || grep '^SUMMARY' "$log" >&2 || tail -n 20 "$log" >&2
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    printf 'fuzz.sh: %s failed. Once more, with this input alone:\n  cargo +nightly fuzz run --fuzz-dir %s %s %s\n' \
        "$target" "$fuzz" "$target" "${input:-$fuzz/seeds/$target}" >&2
done
[[ -z $failed ]]
