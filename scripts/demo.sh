#!/usr/bin/env bash
set -euo pipefail
# From a fresh clone to a complete exchange: makes keys, builds and starts the server, and plays a
# group of three and one of four, showing what is sent and what comes back.

usage() {
    cat <<'EOF'
usage: scripts/demo.sh [--once] [--port N]

Plays two groups against a server of its own, on this machine only, step by step.
Then the server goes on until Ctrl-C, to play by hand; with --once it ends there.
--port N: the server's UDP port (default: any free one). Keys and records are kept in demo/.
EOF
}

die() { printf 'demo.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

once='' port=0
while [[ $# -gt 0 ]]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --once) once=yes ;;
        --port) port=${2:-}; shift ;;
        *) die "unknown argument '$1' (-h shows the usage)" 2 ;;
    esac
    [[ $# -eq 0 ]] || shift
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || ((10#$port > 65535)); then die "--port needs a number from 0 to 65535" 2; fi

((BASH_VERSINFO[0] >= 4)) || die "needs bash 4 or later: brew install bash"
command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
command -v cargo >/dev/null || die "needs Rust's cargo: https://rustup.rs"
(exec 3<>/dev/udp/127.0.0.1/9) 2>/dev/null || die "this bash was built without /dev/udp: install your system's own bash"

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
secret=demo/keys_priv/key_secret_for_hmac.txt

bold='' green='' dim='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' green=$'\e[32m' dim=$'\e[2m' plain=$'\e[0m'
fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

# One row: a label of 12 columns, and the text, broken after commas so that 100 columns will do.
row() { # LABEL TEXT
    local label=$1 text=$2 line
    while ((${#text} > 84)); do
        line=${text:0:84}
        line=${line%,*},
        printf '  %-12s%s\n' "$label" "$line"
        label='' text=${text:${#line}}
    done
    printf '  %-12s%s\n' "$label" "$text"
}
check() { printf '  %-12s%s%s%s\n' "$1" "$green" "$2" "$plain"; }

# A token is its three parts; the beginning of each is enough to recognise it.
shorten() {
    local header claims signature
    IFS=. read -r header claims signature <<<"$1"
    printf '%s.%s...%s.%s...%s (%s bytes)' "${header:0:36}" "${claims:0:12}" "${claims: -4}" \
        "${signature:0:6}" "${signature: -4}" "${#1}"
}

header_of() { # TOKEN
    local text
    text=$(printf '%s' "${1%%.*}" | tr '_-' '/+')
    while ((${#text} % 4)); do text+='='; done
    printf '%s' "$text" | openssl base64 -d -A
}

# --- keys and server -------------------------------------------------------------------------------

# The build comes first: what is made from here on is for its owner alone, but the program is not.
cargo build --release --target-dir target
umask 077
# What an earlier run left, the server would remember, and 1 would be out of order.
[[ ! -e demo/received.jsonl ]] || mv -f demo/received.jsonl demo/received.before.jsonl

for group in JAVALI PINHAO BISSAU NONAME SOQUETINHO HEARTBEAT; do
    scripts/keygen.sh "$group" demo >/dev/null
done
printf '%s\n' 'Keys: a pair for each of the six groups, and the secret of the replies, are in demo/.'

clean_up() { # whatever happens, nothing stays behind
    for process in ${log:-} ${server:-}; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
: >demo/server.out # an earlier run's port is not this one's
target/release/udpsocket-jwt-server --verbose 127.0.0.1 "$port" demo >demo/server.out 2>demo/server.log &
server=$!
until [[ $(<demo/server.out) == *'listening on '*:* ]]; do
    kill -0 "$server" 2>/dev/null || { cat demo/server.log >&2; die "the server did not start: see above"; }
    sleep 0.05
done
[[ $(<demo/server.out) =~ 'listening on 127.0.0.1:'([0-9]+) ]] || die "no port in demo/server.out"
port=${BASH_REMATCH[1]}
printf '%s\n' "Server: listening on 127.0.0.1:$port, UDP. Its records and its log are in demo/ too."

# --- the exchange ----------------------------------------------------------------------------------

# One message, shown with its reply. Sets next_number.
exchange() { # GROUP MEMBERS SEQ_NUMBER
    local claims token reply replied='' wanted next='"next_number":([0-9]+)' try tick
    claims='{"group":"'$1'","seq_number":'$3',"matricula":'$((202600 + $3))',"seq_max":'$2
    claims+=',"exp":'$(($(date +%s) + 300))',"jti":"'$(openssl rand -hex 8)'"}'
    token=$(scripts/sign.sh "demo/keys_priv/$1.pem" "$claims")
    row request "$(header_of "$token")"
    row '' "$claims"
    wanted=$(printf '%s' "$claims" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
    row sent "$(shorten "$token")"

    exec 3<>"/dev/udp/127.0.0.1/$port" # a socket for each message, so that no late reply to another comes here
    # Sent again each second until the right reply comes, 8 times at most. "read -t 0" only asks whether one
    # is there; dd takes the datagram in one piece, where bash's read would take a byte and lose the rest.
    for ((try = 0; try < 8 && ${#replied} == 0; try++)); do
        printf '%s' "$token" >&3 || true
        for ((tick = 0; tick < 50 && ${#replied} == 0; tick++)); do
            sleep 0.02
            read -r -t 0 -u 3 || continue
            reply=$(dd bs=65536 count=1 <&3 2>/dev/null) || continue
            replied=$(scripts/verify.sh "$secret" "$reply" 2>/dev/null) || replied=''
            [[ $replied == *'"id_request":"'"$wanted"'"'* && $replied =~ $next ]] || replied=''
        done
    done
    [[ -n $replied ]] || die "no right reply: demo/requests.jsonl says why"

    row received "$(shorten "$reply")"
    row reply "$(header_of "$reply")"
    row '' "$replied"
    check checked 'HMAC verified'
    check '' 'id_request is SHA-256 of the payload: matches'
    [[ $replied =~ $next ]]
    next_number=${BASH_REMATCH[1]}
}

play() { # GROUP MEMBERS
    local seq_number expected
    title "$1: a group of $2 begins with seq_number 1"
    for ((seq_number = 1; seq_number <= $2; seq_number++)); do
        printf '\n%s%s: seq_number %s of %s%s\n' "$bold" "$1" "$seq_number" "$2" "$plain"
        exchange "$1" "$2" "$seq_number"
        expected=$((seq_number == $2 ? 0 : seq_number + 1))
        ((next_number == expected)) || die "next_number after $seq_number is $next_number, not $expected"
        if ((next_number == 0)); then check next_number '0: everyone is in'; else check next_number "$next_number"; fi
    done
}

play JAVALI 3
play NONAME 4
title 'Both groups are complete: what they said is in demo/received.jsonl.'
[[ -z $once ]] || exit 0

# --- by hand ---------------------------------------------------------------------------------------

cat <<EOF

Go on by hand: in a bash of its own, in $PWD

  scripts/sign.sh demo/keys_priv/HEARTBEAT.pem \\
    '{"group":"HEARTBEAT","seq_number":1,"matricula":7}' >/dev/udp/127.0.0.1/$port

sends one message and sees no reply, only the server's line about it here. A client that waits:

  scripts/client.sh 127.0.0.1 $port SOQUETINHO 3 demo/keys_priv/SOQUETINHO.pem \\
    $secret

${dim}The server's log follows. Ctrl-C stops it.$plain
EOF
tail -f -n 0 demo/server.log &
log=$!
trap 'echo; exit 0' INT
wait "$server" || die "the server has stopped: see demo/server.log"
