#!/usr/bin/env bash
set -euo pipefail
# Holds any server of the protocol to it, in whatever language it is written: by what it answers and
# what it leaves unanswered, over the network alone. One line for each promise, as TAP
# (https://testanything.org). It needs no other file: copy it to where the test keys are.

usage() {
    cat <<'USAGE'
usage: tests/conformance.sh ADDRESS PORT DIR

Tests the server at ADDRESS and PORT. DIR is a class directory with test keys:

  for group in JAVALI NONAME HEARTBEAT; do scripts/keygen.sh "$group" DIR; done

The server has their public halves and the same secret, a table with JAVALI 3, NONAME 4 and
HEARTBEAT 1, and explains nothing (no --explain): silence is an answer here. The three groups are
started over again and again: never test a server that holds a class's records.
Ends with 1 if a promise is not kept.

From the environment:
  WAIT  seconds until a bad request counts as unanswered (default 0.3)
  TRIES how often a good request is sent, half a second apart, until its reply comes (default 3)
  SKEW  whole seconds that the server's clock may differ from this one (default 2)
  ONLY  run these alone: numbers, or parts of their sentences, with ; between them

  tests/conformance.sh 127.0.0.1 5555 .
  ONLY='12;the state stays' tests/conformance.sh 127.0.0.1 5555 .
USAGE
}

die() { printf 'conformance.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -eq 3 ]] || { usage >&2; exit 2; }
address=$1 port=$2 keys=$3/keys_priv public=$3/keys_pub
wait=${WAIT:-0.3} tries=${TRIES:-3} skew=${SKEW:-2} only=${ONLY:-}

((BASH_VERSINFO[0] >= 4)) || die "needs bash 4 or later: brew install bash"
command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
export LC_ALL=C # so that a character is a byte, whatever the language of the machine
[[ $port =~ ^[0-9]{1,5}$ ]] || die "PORT is '$port', not a port's number" 2
[[ $wait =~ ^[0-9]{0,3}(\.[0-9]+)?$ && -n $wait ]] || die "WAIT is '$wait', not a number of seconds" 2
[[ $tries =~ ^[1-9][0-9]?$ ]] || die "TRIES is '$tries', not a number from 1 to 99" 2
[[ $skew =~ ^(0|[1-9][0-9]{0,6})$ ]] || die "SKEW is '$skew', not a whole number of seconds" 2
for file in JAVALI.pem NONAME.pem HEARTBEAT.pem key_secret_for_hmac.txt; do
    [[ -r $keys/$file ]] || die "$keys/$file: no such file, or not readable; scripts/keygen.sh makes the keys"
done
(exec 3<>"/dev/udp/$address/$port") 2>/dev/null \
    || die "no UDP to $address port $port: a wrong address, or a bash without /dev/udp"

dir=$(mktemp -d "${TMPDIR:-/tmp}/conformance.XXXXXX")
planned='' # set when every test has run
clean_up() {
    rm -rf "$dir"
    [[ -n $planned ]] || echo 'Bail out! Stopped before the end.'
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# A promise is a sentence and a function that tests it. The function stands on its own: it brings its
# groups to where it needs them, so that any one can be run alone and one failure does not bring others.
# What it prints is shown if it fails. bash does not stop at the first error inside a condition, which
# is where it is called: hence every "|| return 1".
promises=() tests=()
promise() { promises+=("$1") tests+=("$2"); }

# --- making tokens, good and bad --------------------------------------------------------------------

base64url() {
    local text
    text=$(base64)
    text=${text//[$'\n'=]/} text=${text//+/-}
    printf '%s' "${text//\//_}"
}

decoded() { # TEXT: what base64url says, as far as it is that, with a '?' for each NUL
    local text=${1//-/+}
    text=${text//_//}
    while ((${#text} % 4)); do text+='='; done
    printf '%s' "$text" | base64 -d 2>/dev/null | tr '\0' '?'
}

sha256() { local hash; hash=$(openssl dgst -sha256 -r); printf '%s' "${hash%% *}"; }
hexadecimal() { od -An -v -tx1 | tr -d ' \t\n'; }
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary | base64url; } # KEY, in hexadecimal

secret=$(hexadecimal <"$keys/key_secret_for_hmac.txt") # without one newline at the end, LF or CRLF:
case $secret in
    *0d0a) secret=${secret%0d0a} ;;
    *0a) secret=${secret%0a} ;;
esac

rs256='{"alg":"RS256","typ":"JWT"}'

# Sets payload, a JSON object of these members and one more that no other payload has: so a reply
# that comes where none should tells by its id_request what it answers.
serial=0 run=$$-$(date +%s)
object() { # MEMBERS
    serial=$((serial + 1))
    payload='{'$1',"jti":"'$run-$serial'"}'
}
declare -A members=([JAVALI]=3 [NONAME]=4 [HEARTBEAT]=1)
claims() { # GROUP SEQ_NUMBER [,MORE]
    object '"group":"'"$1"'","seq_number":'"$2"',"seq_max":'"${members[${1^^}]}"',"matricula":70'"${3:-}"
}

# Sets token: the compact JWS of a header and payload as they stand. -sha256 unless options say otherwise.
declare -A headers=() # of each header, its base64url: most are alike
sign() { # HEADER PAYLOAD KEY.pem [OPTION ...]
    [[ -n ${headers[_$1]:-} ]] || headers[_$1]=$(printf '%s' "$1" | base64url)
    input=${headers[_$1]}.$(printf '%s' "$2" | base64url)
    token=$(printf '%s' "$input" | signature "$3" "${@:4}") || return 1
    token=$input.$token
}
signature() { # KEY.pem [OPTION ...]
    if (($# == 1)); then set -- "$1" -sha256; fi
    openssl dgst "${@:2}" -sign "$1" -binary 2>/dev/null | base64url
}

# Sets token, a good one. It is made once: a client sends the same bytes again.
declare -A made=()
good() { # GROUP SEQ_NUMBER
    if [[ -z ${made[$1 $2]:-} ]]; then
        claims "$1" "$2"
        sign "$rs256" "$payload" "$keys/$1.pem" || return 1
        made[$1 $2]=$token
    fi
    token=${made[$1 $2]}
}

# --- sending and receiving --------------------------------------------------------------------------

# One write, one datagram. bash writes line by line, and no more than 4,096 bytes in one piece: dd does
# what it is told. That sending fails (nobody listens) is as good as a lost datagram.
send() { # FD DATAGRAM
    if ((${#2} < 4096)) && [[ $2 != *$'\n'* ]]; then
        printf '%s' "$2" >&"$1"
    else
        printf '%s' "$2" >"$dir/datagram"
        dd if="$dir/datagram" bs=65536 count=1 >&"$1"
    fi 2>/dev/null || true
}

# Takes one datagram, in one piece: bash's read would take a byte and lose the rest. An error means
# that nobody listens on that port.
take() { dd bs=65536 count=1 <&"$1" 2>/dev/null | tr '\0' '?'; } # FD

# Sends a datagram from a socket of its own, where no late reply to another can arrive, and sets reply.
# A few tries of half a second, since the network may lose a datagram.
ask() { # DATAGRAM
    local try pause
    sent=$1 reply='' claims=''
    exec 3<>"/dev/udp/$address/$port" || return 1
    for ((try = 0; try < tries; try++)); do
        send 3 "$1"
        for pause in 0.002 0.003 0.005 0.01 0.03 0.05 0.1 0.1 0.1 0.1; do
            sleep "$pause"
            # "read -t 0" only asks whether something is there.
            if read -r -t 0 -u 3; then reply=$(take 3) || reply=; fi
            if [[ -n $reply ]]; then break 2; fi
        done
    done
    exec 3>&-
    [[ -n $reply ]] || { expected "a reply to one of $tries tries" nothing; return 1; }
}

drain() { # FD: sets replies, all that has arrived
    local text
    replies=()
    while read -r -t 0 -u "$1"; do
        if text=$(take "$1"); then replies+=("$text"); fi
    done
}

# The three lines that a failure is told by.
show() { # DATAGRAM, or what else there is
    local part
    printf '%s bytes, %q\n' "${#1}" "${1:0:120}"
    [[ $1 == *.*.* ]] || return 0
    part=${1#*.}
    printf '  its header:  %s\n' "$(decoded "${1%%.*}" | head -c 200 | tr -c '[:print:]' '?')"
    printf '  its payload: %s\n' "$(decoded "${part%%.*}" | head -c 400 | tr -c '[:print:]' '?')"
}
expected() { # WHAT [CAME_BACK]
    [[ -z $sent ]] || printf 'sent: %s\n' "$(show "$sent")" # empty: one of several, and the reply does not say which
    printf 'came back: %s\n' "${2:-$(show "$reply")}"
    printf 'expected: %s\n' "$1"
}

look_at() { reply=$1 claims=''; } # REPLY, another than the last

# Sets claims to what the reply says, as far as it can be read: whether it verifies is a test of its own.
read_claims() {
    local middle=${reply#*.}
    [[ -n $claims ]] || claims=$(decoded "${middle%%.*}") || true
}

value() { # NAME: sets value to the JSON text of this claim of the reply, or to nothing
    read_claims
    local member="\"$1\""'[[:space:]]*:[[:space:]]*("[^"]*"|[^],}[:space:]]+)'
    value=''
    if [[ $claims =~ $member ]]; then value=${BASH_REMATCH[1]}; fi
}

next_is() { # NEXT_NUMBER; as a string will do here, another test is about that
    value next_number
    [[ ${value//\"/} == "$1" ]] || { expected "next_number $1"; return 1; }
}

asked() { good "$1" "$2" && ask "$token"; } # GROUP SEQ_NUMBER
answered() { asked "$1" "$2" && next_is "$3"; } # GROUP SEQ_NUMBER NEXT_NUMBER

at() { # GROUP STATE: starts the group over and brings it there
    local number
    for ((number = 0; number <= $2; number++)); do
        asked "$1" "$number" || { printf '(on the way to state %s of %s)\n' "$2" "$1"; return 1; }
    done
}

# What must stay unanswered is collected with bad, sent at once from one socket, and given time. Then a
# good message must be answered, which shows that the server lives and that the state has not moved. A
# server that takes one datagram after the other has by then decided about the bad ones as well.
bad=() names=()
bad() { names+=("$1") bad+=("$2"); } # WHAT DATAGRAM
bad_token() { sign "$2" "$3" "$keys/JAVALI.pem" && bad "$1" "$token"; } # WHAT HEADER PAYLOAD
bad_object() { object "$2" && bad_token "$1" "$rs256" "$payload"; } # WHAT MEMBERS
bad_claims() { claims JAVALI 3 "$2" && bad_token "$1" "$rs256" "$payload"; } # WHAT ,MORE
bad_header() { claims JAVALI 3 && bad_token "$1" "$2" "$payload"; } # WHAT HEADER

unanswered() { # GROUP SEQ_NUMBER NEXT_NUMBER, the good message
    local forms=("${bad[@]}") whats=("${names[@]}") form all
    bad=() names=()
    all=$(printf '%s; ' "${whats[@]}")
    exec 4<>"/dev/udp/$address/$port" || return 1
    for form in "${forms[@]}"; do send 4 "$form"; done
    sleep "$wait"
    drain 4
    if ((${#replies[@]} == 0)); then
        if ! answered "$1" "$2" "$3"; then
            printf '(after these, of which none may move the state: %s)\n' "${all%; }"
            return 1
        fi
        drain 4
    fi
    exec 4>&-
    if ((${#replies[@]} > 0)); then tell_answered; return 1; fi
}

# Says which of forms were answered, three of them in full.
tell_answered() {
    local one middle what shown=0
    local -A by_hash=()
    for form in "${!forms[@]}"; do
        middle=${forms[form]#*.}
        middle=$(decoded "${middle%%.*}" | sha256)
        by_hash[_$middle]+=" $form"
    done
    for one in "${replies[@]}"; do
        look_at "$one"
        value id_request
        sent='' what=''
        for form in ${by_hash[_${value//\"/}]:-}; do
            sent=${forms[form]}
            what+="${whats[form]}; "
        done
        what=${what:-$all}
        printf 'answered, but must not be (one of): %s\n' "${what%; }"
        shown=$((shown + 1))
        ((shown > 3)) || expected 'no reply'
    done
}
# Most bad messages are the 3 of JAVALI in state 2: the next one, but for what is wrong with it.
# Taken in silence it would show, since in state 3 a 2 is out of order.
at_2() { at JAVALI 2; }
still_at_2() { unanswered JAVALI 2 3; }

# --- the reply --------------------------------------------------------------------------------------

is_compact() {
    asked JAVALI 0 || return 1
    [[ $reply =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] \
        || { expected 'three parts of base64url without = and with dots between them'; return 1; }
}
promise 'the reply is a compact JWS, three parts of base64url' is_compact

verifies() {
    asked JAVALI 0 || return 1
    local input=${reply%.*} tag=${reply##*.}
    [[ $tag != "$(printf '%s' "$input" | hmac "$secret")" ]] || return 0
    expected 'an HMAC-SHA-256 of the first two parts and their dot, with the secret as the key'
    [[ $tag != "$(printf '%s' "$input" | hmac "${secret}0a")" ]] || echo 'It was made with the newline after the secret.'
    [[ $tag != "$(printf '%s' "$input" | hmac "$(decoded_secret)" 2>/dev/null)" ]] \
        || echo 'It was made with the bytes that the secret writes in hexadecimal: the key is the text itself.'
    return 1
}
decoded_secret() { # the secret's text, where that is hexadecimal itself
    local at
    for ((at = 0; at < ${#secret}; at += 2)); do printf '%b' "\\x${secret:at:2}"; done
}
promise "the reply's HMAC verifies with the secret, without the newline after it" verifies

has_the_header() {
    asked JAVALI 0 || return 1
    claims=$(decoded "${reply%%.*}") || true
    local object='^[[:space:]]*\{[^{}]*\}[[:space:]]*$'
    [[ $claims =~ $object ]] || { expected 'a header that is a JSON object'; return 1; }
    value alg
    [[ $value == '"HS256"' ]] || { expected 'the header has alg "HS256"'; return 1; }
    value typ
    [[ $value == '"JWT"' ]] || { expected 'the header has typ "JWT"'; return 1; }
}
promise "the reply's header has alg HS256 and typ JWT" has_the_header

has_four_claims() {
    asked JAVALI 0 || return 1
    read_claims
    local s='[[:space:]]*' text='("[^"]*"|-?[0-9][0-9.eE+-]*|true|false|null)' pattern name
    pattern="^$s\\{"
    for name in id_request next_number otp_number otp_timestamp; do pattern+="$s\"$name\"$s:$s$text$s,"; done
    pattern="${pattern%,}\\}$s\$"
    [[ $claims =~ $pattern ]] \
        || { expected 'a JSON object of id_request, next_number, otp_number and otp_timestamp, in this order'; return 1; }
}
promise "the reply's payload is a JSON object of four claims, in the protocol's order" has_four_claims

is_hexadecimal() {
    asked JAVALI 0 || return 1
    value id_request
    [[ $value =~ ^\"[0-9a-f]{64}\"$ ]] || { expected 'id_request is a string of 64 lower-case hexadecimal digits'; return 1; }
}
promise 'id_request is a string of 64 lower-case hexadecimal digits' is_hexadecimal

hashes() { # PAYLOAD, which is signed and sent
    sign "$rs256" "$1" "$keys/JAVALI.pem" && ask "$token" || return 1
    local found wanted
    value id_request
    found=${value//\"/} wanted=$(printf '%s' "$1" | sha256)
    [[ ${found,,} != "$wanted" ]] || return 0
    expected "id_request $wanted, SHA-256 of the payload's ${#1} bytes as they were sent"
    local middle=${sent#*.}
    [[ ${found,,} != "$(printf '%s' "${middle%.*}" | sha256)" ]] || echo 'It is that of the base64url text: decode it first.'
    return 1
}
hashes_white_space() {
    at JAVALI 0 || return 1
    object '"seq_number":0,"seq_max":3,"matricula":70,"group":"JAVALI"' && hashes "$payload" || return 1
    object ' "matricula" : 70 ,'$'\n\t''"seq_number":0 , "seq_max" :3, "group":"JAVALI"' && hashes " $payload"$'\r\n'
}
promise "id_request is the SHA-256 of the payload's bytes as sent, with their white space" hashes_white_space

hashes_escapes() {
    at JAVALI 0 || return 1
    object '"group":"\u004aAVALI","\u0073eq_number":0,"seq_max":3,"matricula":70,"name":"Jos\u00e9 \/ S\u00C3o Tom\u00e9"'
    hashes "$payload" || return 1
    object '"group":"JAVALI","seq_number":0,"seq_max":3,"matricula":70,"name":"'$'Jo\303\243o \360\237\220\227''"'
    hashes "$payload"
}
promise 'id_request is of the characters as sent, escaped or not' hashes_escapes

next_is_integer() {
    asked JAVALI 0 || return 1
    value next_number
    [[ $value =~ ^(0|[1-9][0-9]*)$ ]] || { expected 'next_number is an integer, not a string'; return 1; }
}
promise 'next_number is an integer' next_is_integer

# Twenty replies to the same bytes, for the tests that look at many. Those that got lost are asked again.
samples=()
sample() {
    local round index
    ((${#samples[@]} < 20)) || return 0
    at JAVALI 1 && good JAVALI 1 || return 1
    exec 4<>"/dev/udp/$address/$port" || return 1
    sent=$token
    for ((round = 0; round < 8 && ${#samples[@]} < 20; round++)); do
        for ((index = ${#samples[@]}; index < 20; index++)); do send 4 "$token"; done
        sleep 0.1
        drain 4
        samples+=(${replies[@]+"${replies[@]}"})
    done
    exec 4>&-
    ((${#samples[@]} >= 20)) || { expected '20 replies' "${#samples[@]} replies"; return 1; }
}
number_in_range() {
    sample || return 1
    for one in "${samples[@]}"; do
        look_at "$one"
        value otp_number
        if ! [[ $value =~ ^(0|[1-9][0-9]{0,4})$ && $value -le 20000 ]]; then
            expected 'otp_number is an integer from 0 to 20000'
            return 1
        fi
    done
}
promise 'otp_number is an integer from 0 to 20000' number_in_range

numbers_differ() {
    local -A numbers=()
    sample || return 1
    for one in "${samples[@]}"; do
        look_at "$one"
        value otp_number
        numbers[_$value]=yes
    done
    # Of 20 in 20,001 two may be alike, by chance. Half of them never are.
    ((${#numbers[@]} > 10)) || { expected '20 replies that differ' "${#numbers[@]} different otp_number in 20 replies"; return 1; }
}
promise 'otp_number makes replies to the same bytes differ' numbers_differ

timestamp_is_now() {
    local before after
    before=$(($(date +%s) - skew))
    asked JAVALI 0 || return 1
    after=$(($(date +%s) + skew))
    value otp_timestamp
    [[ $value =~ ^[1-9][0-9]{0,17}$ && $before -le $value && $value -le $after ]] \
        || { expected "otp_timestamp is an integer, the seconds since 1970-01-01 UTC: from $before to $after"; return 1; }
}
promise 'otp_timestamp is an integer, the Unix time in seconds' timestamp_is_now

is_smaller() {
    at JAVALI 0 || return 1
    sign '{"alg":"RS256"}' '{"group":"JAVALI","seq_number":0,"seq_max":3,"matricula":0}' "$keys/JAVALI.pem" && ask "$token" || return 1
    ((${#reply} < ${#token})) || { expected "a reply of fewer bytes than the request: a forged sender's address must gain nothing"; return 1; }
}
promise 'the reply is smaller than the request' is_smaller

is_one() {
    local try
    good JAVALI 0 || return 1
    sent=$token
    for ((try = 1; try <= tries; try++)); do
        exec 4<>"/dev/udp/$address/$port" || return 1
        send 4 "$token"
        sleep "$wait"
        drain 4
        exec 4>&-
        ((${#replies[@]} == 0)) || break
    done
    ((${#replies[@]} == 1)) || { expected 'one reply' "${#replies[@]} datagrams: ${replies[*]:0:2}"; return 1; }
}
promise 'a request gets one reply, in one datagram' is_one

# Two sockets at the same time. JAVALI's reply says 2 and NONAME's says 4, so they can be told apart.
all_say() { # NEXT_NUMBER REPLY...
    local next=$1
    for one in "${@:2}"; do
        look_at "$one"
        next_is "$next" || { echo '(two sockets asked at the same time, and this came to the one)'; return 1; }
    done
}
to_the_sender() {
    local try here=() there=() first second
    at JAVALI 1 && at NONAME 3 || return 1
    good JAVALI 1 && first=$token
    good NONAME 3 && second=$token
    exec 5<>"/dev/udp/$address/$port" 6<>"/dev/udp/$address/$port" || return 1
    for ((try = 0; try < tries && (${#here[@]} == 0 || ${#there[@]} == 0); try++)); do
        send 5 "$first"
        send 6 "$second"
        sleep "$wait"
        drain 5
        here+=(${replies[@]+"${replies[@]}"})
        drain 6
        there+=(${replies[@]+"${replies[@]}"})
    done
    exec 5>&- 6>&-
    sent=$first
    ((${#here[@]} > 0 && ${#there[@]} > 0)) \
        || { expected 'a reply to each of two sockets' "${#here[@]} to the one, ${#there[@]} to the other"; return 1; }
    all_say 2 "${here[@]}" || return 1
    sent=$second
    all_say 4 "${there[@]}"
}
promise 'a reply goes to the port that asked, and to no other' to_the_sender

# --- the state machine ------------------------------------------------------------------------------

starts_over() {
    local state
    for state in 0 1 2 3; do
        if ! { at JAVALI "$state" && answered JAVALI 0 1 && answered JAVALI 1 2; }; then
            echo "(0, then 1, in state $state)"
            return 1
        fi
    done
}
promise 'seq_number 0 starts over from any state, and is answered with 1' starts_over

everyone() { # GROUP MEMBERS
    local number
    at "$1" 0 || return 1
    for ((number = 1; number < $2; number++)); do answered "$1" "$number" "$((number + 1))" || return 1; done
    answered "$1" "$2" 0
}
group_of_1() { everyone HEARTBEAT 1; }
group_of_3() { everyone JAVALI 3; }
group_of_4() { everyone NONAME 4; }
promise 'a group of 1 comes in: 1 is answered with 0' group_of_1
promise 'a group of 3 comes in: 1, 2, 3 are answered with 2, 3, 0' group_of_3
promise 'a group of 4 comes in: 1, 2, 3, 4 are answered with 2, 3, 4, 0' group_of_4

repeats() {
    local number
    at JAVALI 0 || return 1
    for number in 1 1 1 2 2 2 3 3 3; do
        answered JAVALI "$number" "$(((number + 1) % 4))" || { echo '(of 1, 2, 3, each three times the same bytes)'; return 1; }
    done
    at HEARTBEAT 1 && answered HEARTBEAT 1 0
}
promise 'a repeat is answered as the first time, the last number too' repeats

corrects() {
    at JAVALI 2 || return 1
    object '"group":"JAVALI","seq_number":2,"seq_max":3,"matricula":71'
    sign "$rs256" "$payload" "$keys/JAVALI.pem" && ask "$token" && next_is 3 && answered JAVALI 3 0
}
promise 'a repeat with another matricula is answered alike, and the group goes on' corrects

skip_ahead() {
    at JAVALI 0 || return 1
    good JAVALI 2 && bad '2 in state 0' "$token"
    good JAVALI 3 && bad '3 in state 0' "$token"
    unanswered JAVALI 1 2 || return 1
    good JAVALI 3 && bad '3 in state 1' "$token"
    unanswered JAVALI 2 3
}
promise 'a number ahead of the next is not answered, and the state stays' skip_ahead

# What must be answered after it is the next number: a repeat would be right one state back, too.
go_back() {
    at JAVALI 2 || return 1
    good JAVALI 1 && bad '1 in state 2' "$token"
    unanswered JAVALI 3 0 || return 1
    good JAVALI 1 && bad '1 in state 3' "$token"
    good JAVALI 2 && bad '2 in state 3' "$token"
    unanswered JAVALI 3 0
}
promise 'a number before the last is not answered, and the state stays' go_back

too_many() {
    at HEARTBEAT 1 && at JAVALI 3 || return 1
    good HEARTBEAT 2 && bad '2 in a group of 1' "$token"
    good JAVALI 4 && bad '4 in a group of 3, in state 3' "$token"
    unanswered JAVALI 3 0 && answered HEARTBEAT 1 0
}
promise 'a number above the members is not answered, and the state stays' too_many

# 0, 2 and 3 would be answered in state 2: these are those, and a multiple of what a narrow integer holds.
wrap_around() {
    local number
    at_2 || return 1
    for number in 256 258 259 65536 65538 65539 4294967296 4294967298 4294967299 18446744073709551615 \
        18446744073709551616 18446744073709551618 18446744073709551619; do
        claims JAVALI "$number" && bad_token "seq_number $number in state 2" "$rs256" "$payload" || return 1
    done
    still_at_2
}
promise 'a number too large for 8, 16, 32 or 64 bits is not answered as what is left of it' wrap_around

interleaved() {
    at JAVALI 0 && at NONAME 0 && at HEARTBEAT 0 \
        && answered JAVALI 1 2 && answered NONAME 1 2 && answered NONAME 2 3 && answered HEARTBEAT 1 0 \
        && answered JAVALI 2 3 && answered NONAME 3 4 && answered HEARTBEAT 0 1 && answered JAVALI 3 0 \
        && answered JAVALI 0 1 && answered NONAME 4 0 && answered NONAME 4 0 && answered JAVALI 1 2
}
promise "groups do not touch each other's state" interleaved

# --- what is not a signed token stays unanswered ----------------------------------------------------

# Neither bash nor dd can write a datagram of no bytes. Without its newline, this is one.
empty() { at_2 && bad 'LF' $'\n' && bad 'CRLF' $'\r\n' && still_at_2; }
promise 'an empty message (a newline alone) is not answered' empty

no_dots() {
    at_2 && claims JAVALI 3 || return 1
    bad 'a word' hello && bad 'an HTTP request' $'GET / HTTP/1\r\n\r\n' \
        && bad 'the claims as plain JSON' "$payload" \
        && bad 'the claims as base64url' "$(printf '%s' "$payload" | base64url)" && still_at_2
}
promise 'text without dots is not answered' no_dots

rubbish() {
    at_2 && bad 'two dots' .. && bad 'letters' a.b.c && bad 'no base64url' '!!!!.????.****' \
        && bad 'bytes that are no JSON' "$(openssl rand 99 | base64url).$(openssl rand 99 | base64url).$(openssl rand 256 | base64url)" \
        && bad 'bytes that are no text' $'\377\376.\200\201.\001\002' && still_at_2
}
promise 'rubbish with two dots is not answered' rubbish

other_parts() {
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" || return 1
    bad 'two parts' "${token%.*}" && bad 'a dot at the end' "$token." && bad 'a fourth part' "$token.AAAA" \
        && bad 'a dot at the start' ".$token" && still_at_2
}
promise 'a token of two parts or four is not answered' other_parts

white_space() {
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" || return 1
    bad 'a space after it' "$token " && bad 'a space before it' " $token" && bad 'two newlines' "$token"$'\n\n' \
        && bad 'a newline before it' $'\n'"$token" && bad 'a CR alone' "$token"$'\r' \
        && bad 'a newline inside' "${token%.*}."$'\n'"${token##*.}" && still_at_2
}
promise 'white space other than one newline at the end is not answered' white_space

# Sets part to standard base64 or base64url with padding: whatever the pattern of its end must be.
encoded() { part=$(printf '%s' "$1" | base64) && part=${part//$'\n'/}; } # TEXT
sign_input() { token=$1.$(printf '%s' "$1" | signature "$keys/JAVALI.pem"); } # INPUT

padding() {
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" || return 1
    local signed=${token##*.}
    while ((${#signed} % 4)); do signed+='='; done
    [[ $signed != *= ]] || bad 'the signature padded with =' "${token%.*}.$signed"
    # White space in front, until the payload's length needs padding. The signature covers it.
    claims JAVALI 3
    while ((${#payload} % 3 == 0)); do payload=" $payload"; done
    encoded "$payload"
    part=${part//+/-}
    sign_input "$(printf '%s' "$rs256" | base64url).${part//\//_}" && bad 'the payload padded with =, and signed so' "$token"
    encoded "$rs256  "
    sign_input "$part.$(printf '%s' "$payload" | base64url)" && bad 'the header padded with =, and signed so' "$token"
    still_at_2
}
promise 'base64url with padding is not answered' padding

standard_alphabet() {
    local signed='' try
    at_2 || return 1
    # Nearly every signature has a '-' or '_' in it.
    for ((try = 0; try < 9; try++)); do
        claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" || return 1
        signed=${token##*.}
        [[ $signed != *[-_]* ]] || break
    done
    signed=${signed//-/+}
    bad 'the signature in base64' "${token%.*}.${signed//_//}"
    claims JAVALI 3 ',"name":"???>>>~~~???>>>~~~"'
    while ((${#payload} % 3)); do payload+=' '; done
    encoded "$payload"
    sign_input "$(printf '%s' "$rs256" | base64url).$part" && bad 'the payload in base64, and signed so' "$token"
    still_at_2
}
promise "base64's + and / are not answered for base64url's - and _" standard_alphabet

# The last character of a part holds 2 or 4 bits that belong to no byte, all zero. Sets part to the
# text with one of them set.
alphabet=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_
unused_bit() { # TEXT
    local before=${alphabet%%"${1: -1}"*}
    part=${1%?}${alphabet:${#before}+1:1}
}
not_canonical() {
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" || return 1
    unused_bit "${token##*.}"
    # Only a key of 3,072 bits makes a signature of which every bit is needed.
    ((${#part} % 4 == 0)) || bad "a bit set in the signature's last character" "${token%.*}.$part"
    claims JAVALI 3
    while ((${#payload} % 3 == 0)); do payload=" $payload"; done
    unused_bit "$(printf '%s' "$payload" | base64url)"
    sign_input "$(printf '%s' "$rs256" | base64url).$part" && bad "a bit set in the payload's last character, and signed so" "$token"
    still_at_2
}
promise 'base64url with bits set that no byte needs is not answered' not_canonical

no_header() {
    at_2 && bad_header 'an array' '["RS256"]' && bad_header 'a string' '"RS256"' && bad_header 'nothing' '' \
        && bad_header 'a cut object' '{"alg":"RS256"' && bad_header 'text' 'alg=RS256' \
        && bad_header 'more after the object' "$rs256 {}" && still_at_2
}
promise 'a header that is no JSON object is not answered, signed or not' no_header

no_payload() {
    at_2 && claims JAVALI 3 || return 1
    bad_token 'an array' "$rs256" "[$payload]" && bad_token 'nothing' "$rs256" '' && bad_token 'null' "$rs256" null \
        && claims JAVALI 3 && bad_token 'a cut object' "$rs256" "${payload%?}" \
        && claims JAVALI 3 && bad_token 'more after the object' "$rs256" "$payload{}" \
        && claims JAVALI 3 && bad_token "' for quotes" "$rs256" "${payload//\"/\'}" \
        && bad_claims 'not UTF-8' ',"name":"'$'Jos\351''"' && still_at_2
}
promise 'a payload that is no JSON object is not answered, signed or not' no_payload

# --- what is not signed as it must be stays unanswered ----------------------------------------------

none() {
    local alg
    at_2 || return 1
    for alg in none None NONE; do
        claims JAVALI 3 && sign '{"alg":"'$alg'"}' "$payload" "$keys/JAVALI.pem" || return 1
        bad "alg $alg, no signature" "${token%.*}."
        bad "alg $alg, a signature all the same" "$token"
    done
    still_at_2
}
promise 'alg none is not answered' none

# RS256's public key is nobody's secret. A server that lets the token choose may take it for HS256's key.
with_hmac() { # WHAT KEY, in hexadecimal
    claims JAVALI 3
    input=$(printf '%s' '{"alg":"HS256","typ":"JWT"}' | base64url).$(printf '%s' "$payload" | base64url)
    bad "HS256 with $1" "$input.$(printf '%s' "$input" | hmac "$2")"
}
confused() {
    local file pem
    at_2 || return 1
    pem=$(openssl pkey -in "$keys/JAVALI.pem" -pubout) || return 1
    with_hmac 'the public key in PEM' "$(printf '%s\n' "$pem" | hexadecimal)"
    with_hmac 'the public key in PEM, without the last newline' "$(printf '%s' "$pem" | hexadecimal)"
    with_hmac 'the public key in DER' "$(openssl pkey -in "$keys/JAVALI.pem" -pubout -outform DER | hexadecimal)"
    for file in "$public"/JAVALI.*; do
        [[ ! -r $file ]] || with_hmac "the bytes of ${file##*/}" "$(hexadecimal <"$file")"
    done
    with_hmac "the class's secret" "$secret"
    still_at_2
}
promise 'alg HS256 is not answered, signed with the public key or the secret' confused

other_alg() {
    at_2 && bad_header 'rs256' '{"alg":"rs256"}' && bad_header 'Rs256' '{"alg":"Rs256"}' \
        && bad_header 'no alg' '{"typ":"JWT"}' && bad_header 'null' '{"alg":null}' \
        && bad_header 'RS256 in an array' '{"alg":["RS256"]}' && bad_header 'a space after it' '{"alg":"RS256 "}' \
        && bad_header 'RS512' '{"alg":"RS512"}' && bad_header 'ALG for alg' '{"ALG":"RS256"}' && still_at_2
}
promise 'an alg that is not exactly RS256 is not answered, lower case neither' other_alg

critical() {
    at_2 && bad_header 'crit ["exp"]' '{"alg":"RS256","crit":["exp"],"exp":9999999999}' \
        && bad_header 'crit ["b64"]' '{"alg":"RS256","crit":["b64"],"b64":true}' \
        && bad_header 'crit []' '{"alg":"RS256","crit":[]}' && bad_header 'crit null' '{"alg":"RS256","crit":null}' && still_at_2
}
promise 'crit in the header is not answered, whatever it lists' critical

stranger() {
    local hex at n=''
    [[ -e $dir/stranger.pem ]] \
        || openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/stranger.pem" 2>/dev/null || return 1
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$dir/stranger.pem" && bad "a stranger's key" "$token" || return 1
    hex=$(openssl rsa -in "$dir/stranger.pem" -noout -modulus) && hex=${hex#*=}
    for ((at = 0; at < ${#hex}; at += 2)); do n+="\\x${hex:at:2}"; done
    n=$(printf '%b' "$n" | base64url)
    claims JAVALI 3 && sign '{"alg":"RS256","jwk":{"kty":"RSA","n":"'"$n"'","e":"AQAB"}}' "$payload" "$dir/stranger.pem" || return 1
    bad "a stranger's key, which the header brings along as jwk" "$token"
    still_at_2
}
promise "a stranger's signature is not answered, though the header brings the key along" stranger

of_others() {
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$keys/NONAME.pem" || return 1
    bad "NONAME's key" "$token" && still_at_2
}
promise "a signature by another group's key is not answered" of_others

other_input() {
    local middle
    at_2 && claims JAVALI 3 || return 1
    middle=$(printf '%s' "$payload" | base64url)
    input=$(printf '%s' "$rs256" | base64url).$middle
    bad 'over the JSON of the payload' "$input.$(printf '%s' "$payload" | signature "$keys/JAVALI.pem")" \
        && bad 'over the second part' "$input.$(printf '%s' "$middle" | signature "$keys/JAVALI.pem")" \
        && bad 'without the dot' "$input.$(printf '%s' "${input/./}" | signature "$keys/JAVALI.pem")" \
        && bad 'over the JSON of both' "$input.$(printf '%s' "$rs256.$payload" | signature "$keys/JAVALI.pem")" && still_at_2
}
promise 'a signature over the payload alone is not answered' other_input

changed_payload() {
    local signed other
    at_2 && good JAVALI 2 || return 1
    signed=${token##*.}
    claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" || return 1
    bad "the signature of the group's message before" "${token%.*}.$signed"
    # The matricula 70 and the same payload with 71.
    other=${payload/\"matricula\":70/\"matricula\":71}
    bad 'another matricula, changed after signing' "${token%%.*}.$(printf '%s' "$other" | base64url).${token##*.}"
    still_at_2
}
promise 'a payload changed after signing is not answered' changed_payload

changed_signature() {
    local first signed
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" || return 1
    signed=${token##*.} first=A
    [[ $signed != A* ]] || first=B
    bad 'its first character changed' "${token%.*}.$first${signed#?}" && bad 'no signature' "${token%.*}." \
        && bad 'the last four characters cut' "${token%.*}.${signed%??????}AA" \
        && bad 'three zero bytes before it' "${token%.*}.AAAA$signed" \
        && bad 'all zero' "${token%.*}.${signed//?/A}" && still_at_2
}
promise 'a changed, cut or missing signature is not answered' changed_signature

pss() {
    local options=(-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1)
    at_2 && claims JAVALI 3 && sign "$rs256" "$payload" "$keys/JAVALI.pem" "${options[@]}" && bad 'PSS for RS256' "$token" \
        && claims JAVALI 3 && sign '{"alg":"PS256"}' "$payload" "$keys/JAVALI.pem" "${options[@]}" && bad 'PS256' "$token" \
        && still_at_2
}
promise 'a signature with PSS padding is not answered' pss

other_hash() {
    local hash
    at_2 || return 1
    for hash in sha512 sha384 sha1; do
        claims JAVALI 3
        # Some systems' OpenSSL no longer signs with SHA-1.
        if sign "$rs256" "$payload" "$keys/JAVALI.pem" "-$hash"; then bad "$hash for RS256" "$token"; fi
    done
    claims JAVALI 3 && sign '{"alg":"RS512"}' "$payload" "$keys/JAVALI.pem" -sha512 && bad RS512 "$token" && still_at_2
}
promise 'a signature with a hash other than SHA-256 is not answered' other_hash

# --- what is signed, but says nothing right, stays unanswered ---------------------------------------

unknown_group() {
    at_2 && bad_object 'an unknown group' '"group":"CAPIVARA","seq_number":3,"matricula":70' \
        && bad_object 'more than its name' '"group":"JAVALI2","seq_number":3,"matricula":70' \
        && bad_object 'less than its name' '"group":"JAVAL","seq_number":3,"matricula":70' \
        && bad_object 'a space after its name' '"group":"JAVALI ","seq_number":3,"matricula":70' \
        && bad_object 'an empty name' '"group":"","seq_number":3,"matricula":70' \
        && bad_object 'no group' '"seq_number":3,"matricula":70' \
        && bad_object 'a number for a name' '"group":0,"seq_number":3,"matricula":70' \
        && bad_object 'its name in an array' '"group":["JAVALI"],"seq_number":3,"matricula":70' && still_at_2
}
promise 'an unknown group, or none, is not answered' unknown_group

missing_seq_number() {
    at_2 && bad_object 'no seq_number' '"group":"JAVALI","matricula":70' \
        && bad_object 'in capitals' '"group":"JAVALI","SEQ_NUMBER":3,"matricula":70' && still_at_2
}
promise 'a message without seq_number is not answered' missing_seq_number

missing_matricula() {
    at_2 && bad_object 'no matricula' '"group":"JAVALI","seq_number":3' \
        && bad_object 'in capitals' '"group":"JAVALI","seq_number":3,"MATRICULA":70' && still_at_2
}
promise 'a message without matricula is not answered' missing_matricula

# In state 1, where true, if it were a number, would be the repeat.
odd_seq_number() {
    local odd
    at JAVALI 1 || return 1
    for odd in '"2"' 2.0 2e0 0.2e1 2.5 -2 -1 true false null '[2]' '{}' '""'; do
        bad_object "seq_number $odd" '"group":"JAVALI","seq_number":'"$odd"',"matricula":70' || return 1
    done
    unanswered JAVALI 1 2
}
promise 'a seq_number that is no integer from 0 on is not answered: "2", 2.0, -2, true, null' odd_seq_number

odd_matricula() {
    local odd
    at_2 || return 1
    for odd in '"70"' 70.0 7e1 70.5 -70 true null '[70]' 18446744073709551616; do
        bad_object "matricula $odd" '"group":"JAVALI","seq_number":3,"matricula":'"$odd" || return 1
    done
    still_at_2
}
promise 'a matricula that is no integer from 0 on is not answered: "70", 70.0, -70, true, null' odd_matricula

odd_seq_max() {
    local odd
    at_2 || return 1
    for odd in '"3"' 3.0 -3 true null '[3]'; do
        bad_object "seq_max $odd" '"group":"JAVALI","seq_number":3,"matricula":70,"seq_max":'"$odd" || return 1
    done
    still_at_2
}
promise 'a seq_max that is no integer from 0 on is not answered: "3", 3.0, -3, true, null' odd_seq_max

expired() {
    local now
    at_2 || return 1
    now=$(date +%s)
    bad_claims "exp $((skew + 1)) s ago" ',"exp":'"$((now - skew - 1))" && bad_claims 'exp a minute ago' ',"exp":'"$((now - 60)).5" \
        && bad_claims 'exp 0' ',"exp":0' && bad_claims 'exp -1' ',"exp":-1' && still_at_2
}
promise 'an expired token is not answered, without leeway' expired

too_early() {
    local now
    at_2 || return 1
    now=$(date +%s)
    # Signing these takes a while: 10 s ahead is still ahead when they arrive.
    bad_claims 'nbf in 10 s' ',"nbf":'"$((now + skew + 10))" && bad_claims 'nbf in an hour' ',"nbf":'"$((now + 3600)).5" && still_at_2
}
promise 'a token whose nbf is in the future is not answered, without leeway' too_early

odd_dates() {
    local later odd
    at_2 || return 1
    later=$(($(date +%s) + 3600))
    for odd in "\"$later\"" '"tomorrow"' true null "[$later]"; do bad_claims "exp $odd" ',"exp":'"$odd" || return 1; done
    for odd in '"1"' '""' false null '[1]'; do bad_claims "nbf $odd" ',"nbf":'"$odd" || return 1; done
    still_at_2
}
promise 'an exp or nbf that is no number is not answered, rather than ignored' odd_dates

audience() {
    local odd
    at_2 || return 1
    for odd in '"server"' '["server"]' '""' '[]' null; do bad_claims "aud $odd" ',"aud":'"$odd" || return 1; done
    still_at_2
}
promise 'a token with aud is not answered' audience

# Sets token: so many bytes, thanks to white space after the claims.
of_length() { # BYTES SEQ_NUMBER
    local header=$rs256 length
    good JAVALI 0 && token=${token##*.} || return 1
    # Not every length is one of base64url: a longer header makes up for it.
    while length=$(($1 - 2 - (${#header} * 4 + 2) / 3 - ${#token})) && ((length % 4 == 1)); do header+=' '; done
    claims JAVALI "$2"
    printf -v payload '%-*s' "$((length * 3 / 4))" "$payload"
    sign "$header" "$payload" "$keys/JAVALI.pem"
}
too_large() {
    local bytes
    at_2 || return 1
    for bytes in 4097 6000 20000; do of_length "$bytes" 3 && bad "$bytes bytes" "$token" || return 1; done
    # The newline counts.
    of_length 4096 3 && bad '4096 bytes and a newline' "$token"$'\n' && still_at_2
}
promise 'a datagram of more than 4,096 bytes is not answered' too_large

# --- what must be answered --------------------------------------------------------------------------

# Signs a payload of JAVALI's and asks.
asked_with() { sign "$1" "$2" "$keys/JAVALI.pem" && ask "$token"; } # HEADER PAYLOAD

large() {
    at_2 && of_length 4096 2 && ask "$token" && next_is 3 && of_length 4095 2 && ask "$token"$'\n' && next_is 3
}
promise 'a datagram of 4,096 bytes is answered' large

newline() {
    at_2 && good JAVALI 2 && ask "$token"$'\n' && next_is 3 && ask "$token"$'\r\n' && next_is 3
}
promise 'a newline at the end does not matter, LF or CRLF' newline

any_case() {
    local name
    at_2 || return 1
    for name in javali Javali jAvAlI; do claims "$name" 2 && asked_with "$rs256" "$payload" && next_is 3 || return 1; done
    answered JAVALI 3 0
}
promise "a group's name in lower case is the same group" any_case

other_claims() {
    at_2 && claims JAVALI 2 ',"iat":"soon","iss":[],"sub":{"group":"NONAME","seq_number":9},"":null,"matriculas":[1,2]' \
        && asked_with "$rs256" "$payload" && next_is 3 \
        && asked_with "$rs256" '{"group":"JAVALI","seq_number":2,"seq_max":3,"matricula":70}' && next_is 3
}
promise 'claims that the protocol does not know are ignored' other_claims

any_seq_max() {
    local seq_max
    at_2 || return 1
    for seq_max in 0 2 3 99 18446744073709551615; do
        object '"group":"JAVALI","seq_number":2,"matricula":70,"seq_max":'$seq_max
        asked_with "$rs256" "$payload" && next_is 3 || return 1
    done
    object '"group":"JAVALI","seq_number":2,"matricula":70' && asked_with "$rs256" "$payload" && next_is 3 || return 1
    object '"group":"JAVALI","seq_number":3,"matricula":70,"seq_max":9' && asked_with "$rs256" "$payload" && next_is 0
}
promise 'seq_max may say anything or be absent: the table decides' any_seq_max

any_matricula() {
    local matricula
    at_2 || return 1
    for matricula in 0 2147483648 9007199254740993 9223372036854775808 18446744073709551615; do
        object '"group":"JAVALI","seq_number":2,"seq_max":3,"matricula":'$matricula && asked_with "$rs256" "$payload" && next_is 3 || return 1
    done
}
promise 'a matricula may be any integer of 64 bits' any_matricula

dates() {
    local now
    at_2 && now=$(date +%s) || return 1
    claims JAVALI 2 ',"exp":'"$((now + 3600))"',"nbf":'"$((now - skew - 1))" && asked_with "$rs256" "$payload" && next_is 3 \
        && claims JAVALI 2 ',"exp":1e11,"nbf":0' && asked_with "$rs256" "$payload" && next_is 3
}
promise 'a token between nbf and exp is answered' dates

fractions() {
    local now
    at_2 && now=$(date +%s) || return 1
    claims JAVALI 2 ',"exp":'"$((now + 3600)).25"',"nbf":'"$((now - skew - 1)).5" && asked_with "$rs256" "$payload" && next_is 3
}
promise 'exp and nbf may have fractions' fractions

other_header() {
    at_2 && claims JAVALI 2 || return 1
    asked_with '{"alg":"RS256"}' "$payload" && next_is 3 \
        && asked_with '{"kid":"1","typ":"x","x5u":"https:\/\/example.org","jku":7,"alg":"RS256","cty":null}' "$payload" && next_is 3 \
        && asked_with $' {\n "alg" : "\\u0052S256" } ' "$payload" && next_is 3
}
promise 'header members other than alg and crit are ignored, and may be absent' other_header

last_counts() {
    at_2 && object '"group":"NONAME","seq_number":1,"matricula":"x","group":"JAVALI","seq_number":2,"seq_max":3,"matricula":70' \
        && asked_with "$rs256" "$payload" && next_is 3
}
promise 'of members with the same name the last counts' last_counts

flood() {
    local index rubbish
    at_2 && good JAVALI 3 || return 1
    rubbish=$(openssl rand 600 | base64url)
    for ((index = 1; index <= 10; index++)); do
        bad "$index" "${token:0:index * 40}" && bad "$index" "${rubbish:0:index}.${rubbish:index:index * 9}.${rubbish:99:index}" \
            && bad "$index" "$token.$index" && bad "$index" "${token%%.*}.${rubbish:0:index * 20}.${token##*.}" && bad "$index" $'\001'"$index"
    done
    still_at_2
}
promise 'a flood of 50 malformed datagrams stops nothing' flood

# --- the run ----------------------------------------------------------------------------------------

IFS=';' read -r -a pieces <<<"$only"
wanted() { # NUMBER SENTENCE
    local piece
    [[ -n $only ]] || return 0
    for piece in "${pieces[@]}"; do
        if [[ $piece =~ ^[0-9]+$ ]]; then
            [[ $piece != "$1" ]] || return 0
        elif [[ $2 == *"$piece"* ]]; then
            return 0
        fi
    done
    return 1
}

comment() { while IFS= read -r line || [[ -n $line ]]; do printf '# %s\n' "$line"; done <"$dir/said"; }

printf 'TAP version 13\n1..%s\n' "${#promises[@]}"

# Without anybody there, every line would take its time to say so.
if ! { asked JAVALI 0 || asked JAVALI 1; } >"$dir/said" 2>&1; then
    comment
    planned=yes
    printf 'Bail out! No reply to a good message: is the server at %s port %s, with the public keys of %s?\n' \
        "$address" "$port" "$3"
    exit 1
fi

failures=0 ran=0
for index in "${!promises[@]}"; do
    number=$((index + 1)) sentence=${promises[index]}
    if ! wanted "$number" "$sentence"; then
        printf 'ok %s - %s # SKIP not asked for\n' "$number" "$sentence"
        continue
    fi
    ran=$((ran + 1))
    bad=() names=() # a test that stopped early may have left some
    if "${tests[index]}" >"$dir/said" 2>&1; then
        printf 'ok %s - %s\n' "$number" "$sentence"
    else
        failures=$((failures + 1))
        printf 'not ok %s - %s\n' "$number" "$sentence"
        comment
    fi
done

planned=yes
((ran > 0)) || die "ONLY is '$only', which is no test's number and in no test's sentence" 2
((failures == 0)) || { echo "# $failures of ${#promises[@]} promises are not kept"; exit 1; }
