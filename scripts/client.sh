#!/usr/bin/env bash
set -euo pipefail
# A complete client of the protocol: sends until the right reply comes, and goes on to the next member.
# The numbers in the comments are those of the client's rules, section 8 of src/protocol.md.

usage() {
    cat <<'EOF'
usage: scripts/client.sh ADDRESS PORT GROUP MEMBERS KEY.pem SECRET_FILE [MATRICULA ...]

Sends the group's members 1 to MEMBERS to the server, signed with KEY.pem, each until the reply comes
that verifies with the secret in SECRET_FILE. MATRICULA: one for each member (default: 1001, 1002, ...).
Ends with 0 when everyone is in. One client of a group at a time; before you start it again with other
matriculas, wait until what it sent has expired (LIFETIME).

From the environment:
  TIMEOUT   seconds to wait for a reply (default 1; 0.25 is fine)
  STARTS    how often to start over before giving up (default 3)
  LIFETIME  seconds for which a token is good (default 300)

  scripts/client.sh 127.0.0.1 5555 HEARTBEAT 1 keys_priv/HEARTBEAT.pem keys_priv/key_secret_for_hmac.txt
EOF
}

die() { printf 'client.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -ge 6 ]] || { usage >&2; exit 2; }
address=$1 port=$2 group=$3 members=$4 key=$5 secret=$6
shift 6
matriculas=("$@")
timeout=${TIMEOUT:-1} starts=${STARTS:-3} lifetime=${LIFETIME:-300} tries=8

((BASH_VERSINFO[0] >= 4)) || die "needs bash 4 or later: brew install bash"
command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
export LC_ALL=C # so that A-Z is those 26 letters, whatever the language of the machine
[[ $group =~ ^[A-Za-z0-9_-]{1,32}$ ]] \
    || die "GROUP is '$group', but a group's name is 1 to 32 of A-Z a-z 0-9 _ -" 2
[[ $port =~ ^[0-9]{1,5}$ ]] || die "PORT is '$port', not a port's number" 2
[[ $members =~ ^[1-9][0-9]{0,2}$ ]] || die "MEMBERS is '$members', not a number of members" 2
[[ $starts =~ ^[0-9]{1,6}$ ]] || die "STARTS is '$starts', not a number" 2
[[ $lifetime =~ ^[0-9]{1,9}$ ]] || die "LIFETIME is '$lifetime', not a whole number of seconds" 2
[[ ${#matriculas[@]} -eq 0 || ${#matriculas[@]} -eq $members ]] \
    || die "${#matriculas[@]} matriculas for $members members: give one for each, or none" 2
for matricula in ${matriculas[@]+"${matriculas[@]}"}; do
    [[ $matricula =~ ^(0|[1-9][0-9]*)$ ]] || die "MATRICULA is '$matricula', not a number (without zeros before it)" 2
done
for file in "$key" "$secret"; do
    [[ -r $file ]] || die "$file: no such file, or not readable; scripts/keygen.sh makes the keys"
done

"${BASH_SOURCE[0]%/*}/sign.sh" "$key" '{}' >/dev/null || exit 1 # the key is fit to sign with

# The timer counts ticks of 20 ms, and goes on counting whatever arrives meanwhile.
[[ $timeout =~ ^([0-9]{0,6})(\.([0-9]+))?$ ]] || die "TIMEOUT is '$timeout', not a number of seconds" 2
milliseconds=${BASH_REMATCH[3]:-}000
milliseconds=$((10#0${BASH_REMATCH[1]} * 1000 + 10#${milliseconds:0:3}))
ticks=$((milliseconds / 20 + 1))

scripts=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# One socket for the whole run. UDP: opening it sends nothing, and does not tell whether anyone listens.
exec 3<>"/dev/udp/$address/$port" \
    || die "no UDP to $address port $port: a wrong address, or a bash without /dev/udp"

say() { printf '%s: %s\n' "$group" "$1"; }

# Rule 1. The claims about a member, different each time (jti), so that no earlier reply fits them; the
# token; and what the right reply's id_request will be.
sign() { # SEQ_NUMBER
    local matricula=0
    (($1 == 0)) || matricula=${matriculas[$1 - 1]:-$((1000 + $1))}
    expires=$(($(date +%s) + lifetime))
    local claims='{"group":"'$group'","seq_number":'$1',"matricula":'$matricula',"seq_max":'$members
    claims+=',"exp":'$expires',"jti":"'$(openssl rand -hex 16)'"}'
    token=$("$scripts/sign.sh" "$key" "$claims") || exit 1
    id_request=$(printf '%s' "$claims" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
}

# Rule 2. Is this the reply that we wait for? It verifies, and answers this request and no other.
right_reply() { # REPLY
    local claims next='"next_number":([0-9]{1,3})[,}]' otp='"otp_number":([0-9]{1,5})[,}]'
    claims=$("$scripts/verify.sh" "$secret" "$1" 2>/dev/null) || { say "ignored: it does not verify"; return 1; }
    [[ $claims == *'"id_request":"'"$id_request"'"'* ]] || { say "ignored: it answers another request"; return 1; }
    [[ $claims =~ $next ]] || { say "ignored: no next_number in $claims"; return 1; }
    next_number=${BASH_REMATCH[1]}
    [[ $claims =~ $otp ]] || { say "ignored: no otp_number in $claims"; return 1; }
    otp_number=${BASH_REMATCH[1]}
}

# Waits for the right reply until the time is up. Others leave the timer as it is.
wait_for_reply() {
    local tick reply
    for ((tick = 0; tick < ticks; tick++)); do
        # "read -t 0" only asks whether something is there. A datagram has to be taken in one piece,
        # and bash's read would take one byte and lose the rest: hence dd. It gets an error instead
        # of a datagram when nobody listens on that port: as good as silence, the server may yet start.
        if read -r -t 0 -u 3; then
            reply=$(dd bs=65536 count=1 <&3 2>/dev/null | tr '\0' '?') || reply=
            if [[ -n $reply ]] && right_reply "$reply"; then return 0; fi
        fi
        sleep 0.02
    done
    return 1
}

# Rule 2. Sends one message until it is acknowledged: the same bytes each time, unless they have expired.
acknowledged() { # SEQ_NUMBER
    local try
    sign "$1"
    for ((try = 1; try <= tries; try++)); do
        (($(date +%s) < expires)) || { say "seq_number $1: the token has expired, here is a new one"; sign "$1"; }
        # One printf, one datagram. That it may fail is why there is a timer.
        printf '%s' "$token" >&3 2>/dev/null || true
        if wait_for_reply; then
            say "seq_number $1 acknowledged at try $try, next_number $next_number"
            return 0
        fi
        say "seq_number $1: no right reply to try $try of $tries"
    done
    return 1
}

give_up() {
    local why="is the server at $address port $port, and is $group's public key there that of $key?"
    ((started == 0 || seq_number == 0)) || why="0 is answered and $seq_number is not: a mistake is in it."
    die "gave up after starting over $started times: $why The server's requests.jsonl says why it dropped a request."
}

seq_number=1 started=0
while true; do
    if acknowledged "$seq_number"; then # rule 3
        if ((seq_number == members)); then expected=0; else expected=$((seq_number + 1)); fi
        ((next_number == expected)) \
            || die "next_number after $seq_number is $next_number, not $expected: does $group have $members members?"
        ((next_number != 0)) || break
        seq_number=$next_number
    else # rules 4 and 5
        ((started < starts)) || give_up
        started=$((started + 1))
        say "starting over ($started of $starts)"
        seq_number=0
    fi
done
say "everyone is in, otp_number $otp_number"
