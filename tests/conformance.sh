#!/usr/bin/env bash
set -euo pipefail
# Holds any server of the protocol to it, in whatever language it is written: by what it answers and
# what it leaves unanswered, over the network alone. The cases are tests/vectors/datagrams.jsonl; this is
# a loop over them, and a few promises that no single datagram shows. One line for each, as TAP
# (https://testanything.org).

usage() {
    cat <<'USAGE'
usage: tests/conformance.sh ADDRESS PORT [VECTORS]

Tests the server at ADDRESS and PORT. It has the public keys and the secret of VECTORS/class (default:
tests/vectors/class), a table with JAVALI 3, PINHAO 3, BISSAU 3, NONAME 4, SOQUETINHO 3 and HEARTBEAT 1,
and explains nothing (no --explain): silence is an answer here. The groups are started over again and
again: never test a server that holds a class's records. Ends with 1 if a promise is not kept.

  udpsocket-jwt-server --keys tests/vectors/class --logs /tmp &
  tests/conformance.sh 127.0.0.1 5555

From the environment:
  WAIT  seconds until a bad request counts as unanswered (default 0.3)
  TRIES how often a good request is sent, half a second apart, until its reply comes (default 3)
  SKEW  whole seconds that the server's clock may differ from this one (default 2)
  ONLY  run these alone: numbers, or parts of their names, with ; between them

  ONLY='12;JAVALI: 2' tests/conformance.sh 127.0.0.1 5555
USAGE
}

die() { printf 'conformance.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -eq 2 || $# -eq 3 ]] || { usage >&2; exit 2; }
address=$1 port=$2 vectors=${3:-$(dirname -- "${BASH_SOURCE[0]}")/vectors}
wait=${WAIT:-0.3} tries=${TRIES:-3} skew=${SKEW:-2} only=${ONLY:-}

((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 402)) || die "needs bash 4.2 or later: brew install bash"
command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
export LC_ALL=C # so that a character is a byte, whatever the language of the machine
[[ $port =~ ^[0-9]{1,5}$ ]] || die "PORT is '$port', not a port's number" 2
[[ $wait =~ ^[0-9]{0,3}(\.[0-9]+)?$ && -n $wait ]] || die "WAIT is '$wait', not a number of seconds" 2
[[ $tries =~ ^[1-9][0-9]?$ ]] || die "TRIES is '$tries', not a number from 1 to 99" 2
[[ $skew =~ ^(0|[1-9][0-9]{0,6})$ ]] || die "SKEW is '$skew', not a whole number of seconds" 2
keys=$vectors/class/keys_priv
for file in datagrams.jsonl class/keys_priv/JAVALI.pem class/keys_priv/key_secret_for_hmac.txt; do
    [[ -r $vectors/$file ]] || die "$vectors/$file: no such file, or not readable; VECTORS is a directory like tests/vectors"
done
(exec 3<>"/dev/udp/$address/$port") 2>/dev/null \
    || die "no UDP to $address port $port: a wrong address, or a bash without /dev/udp"

dir=$(mktemp -d "${TMPDIR:-/tmp}/conformance.XXXXXX")
planned='' # set when everything has run
clean_up() {
    rm -rf "$dir"
    [[ -n $planned ]] || echo 'Bail out! Stopped before the end.'
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the cases --------------------------------------------------------------------------------------

names=() befores=() groups=() members=() states=() datagrams=() reasons=() nexts=() ids=()
declare -A number_of=()
line_of_case='^\{"name":"([^"]*)","section":"[^"]*","group":"([^"]*)","members":([0-9]+),"state":([0-9]+),'
line_of_case+='"before":\[([^]]*)\],"datagram":"([^"]*)",'
line_of_case+='("reason":"([a-z0-9_]*)"|"next_number":([0-9]+),"id_request":"([0-9a-f]*)").*\}$'
while IFS= read -r line; do
    [[ $line != *'],"now":'* ]] || continue # for a server whose clock can be set
    [[ $line =~ $line_of_case ]] || die "$vectors/datagrams.jsonl: this line is none: ${line:0:120}"
    number_of[${BASH_REMATCH[1]}]=${#names[@]}
    names+=("${BASH_REMATCH[1]}") groups+=("${BASH_REMATCH[2]}") members+=("${BASH_REMATCH[3]}")
    states+=("${BASH_REMATCH[4]}") befores+=("${BASH_REMATCH[5]}") datagrams+=("${BASH_REMATCH[6]}")
    reasons+=("${BASH_REMATCH[8]}") nexts+=("${BASH_REMATCH[9]}") ids+=("${BASH_REMATCH[10]}")
done <"$vectors/datagrams.jsonl"
((${#names[@]} > 0)) || die "$vectors/datagrams.jsonl: no case in it"

# --- text -------------------------------------------------------------------------------------------

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

hexadecimal() { od -An -v -tx1 | tr -d ' \t\n'; }
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary | base64url; } # KEY, in hexadecimal
secret=$(hexadecimal <"$keys/key_secret_for_hmac.txt")
secret=${secret%0a}

# --- sending and receiving --------------------------------------------------------------------------

# Sets size, file, and text, which is the datagram of a case where bash can write it: no NUL, no newline, and
# no longer than bash writes in one piece. Else text is empty, and dd sends the file.
sizes=() texts=()
decode() { # CASE
    local base64=${datagrams[$1]} padding
    file=$dir/datagram.$1
    if [[ -z ${sizes[$1]:-} ]]; then
        padding=${base64//[^=]/}
        sizes[$1]=$((${#base64} * 3 / 4 - ${#padding}))
        base64 -d <<<"$base64" >"$file"
        { text=$(<"$file"); } 2>/dev/null # without its NULs, and without a newline at its end
        if ((${#text} != sizes[$1] || ${#text} >= 4096)) || [[ $text == *$'\n'* ]]; then text=''; fi
        texts[$1]=$text
    fi
    size=${sizes[$1]} text=${texts[$1]}
}

# Waits without a process: nobody writes to that.
mkfifo "$dir/nothing"
exec 9<>"$dir/nothing"
pause() { read -r -t "$1" -u 9 || true; } # SECONDS

# One write, one datagram. That sending fails (nobody listens) is as good as a lost datagram.
send() { # FD CASE
    decode "$2"
    if [[ -n $text ]]; then
        printf '%s' "$text" >&"$1"
    else
        dd if="$file" bs=65536 count=1 >&"$1"
    fi 2>/dev/null || true
}

# Takes one datagram, in one piece: bash's read would take a byte and lose the rest. An error means
# that nobody listens on that port.
take() { dd bs=65536 count=1 <&"$1" 2>/dev/null; } # FD

drain() { # FD: sets replies, all that has arrived
    local one
    replies=()
    while read -r -t 0 -u "$1"; do
        if one=$(take "$1"); then replies+=("$one"); fi
    done
}

# Sends from a socket of its own, where no late reply to another can arrive, and sets reply. A few tries
# of half a second, since the network may lose a datagram.
ask() { # CASE
    local try seconds
    reply=''
    exec 3<>"/dev/udp/$address/$port" || return 1
    for ((try = 0; try < tries; try++)); do
        send 3 "$1"
        for seconds in 0.001 0.002 0.004 0.01 0.03 0.05 0.1 0.1 0.1 0.1; do
            pause "$seconds"
            # "read -t 0" only asks whether something is there.
            if read -r -t 0 -u 3; then reply=$(take 3) || reply=; fi
            if [[ -n $reply ]]; then break 2; fi
        done
    done
    exec 3>&-
    [[ -z $reply ]] || return 0
    expected "a reply to one of $tries tries, next_number ${nexts[$1]}"
    lives || dead=yes
    return 1
}

# Whether a message that is good in some state is answered.
dead=''
lives() {
    local group number
    exec 7<>"/dev/udp/$address/$port" || return 1
    for group in JAVALI NONAME HEARTBEAT; do
        for number in 0 1; do send 7 "${number_of[$group: $number in state 0]}"; done
    done
    pause 1
    drain 7
    exec 7>&-
    ((${#replies[@]} > 0))
}

expected() { # WHAT
    local payload=${reply#*.}
    printf 'came back: %s bytes, %q\n' "${#reply}" "${reply:0:120}"
    if [[ $reply == *.*.* ]]; then
        printf '  its header:  %s\n' "$(decoded "${reply%%.*}" | head -c 200 | tr -c '[:print:]' '?')"
        printf '  its payload: %s\n' "$(decoded "${payload%%.*}" | head -c 400 | tr -c '[:print:]' '?')"
    fi
    printf 'expected: %s\n' "$1"
}

# --- judging ----------------------------------------------------------------------------------------

# What section 4 says of every reply. The first that is otherwise is shown.
looks=(
    'each reply is a compact JWS, three parts of base64url'
    "each reply's HMAC verifies with the secret, without the newline after it"
    "each reply's header has alg HS256 and typ JWT"
    "each reply's payload is a JSON object of four claims, in the protocol's order"
    'next_number is an integer'
    "id_request is the SHA-256 of the payload's bytes as sent, in lower-case hexadecimal"
    'otp_number is an integer from 0 to 20000'
    'otp_timestamp is an integer, the Unix time in seconds'
    'each reply is smaller than its request'
)
seen=0 counts=()
wrong() { # LOOK WHAT_WAS_EXPECTED [MORE]
    counts[$1]=$((${counts[$1]:-0} + 1))
    ((counts[$1] > 1)) || { printf 'to: %s\n' "${names[case_judged]}"; expected "$2"; printf '%s' "${3:-}"; } >"$dir/look.$1"
}

# Looks at a reply to a case: it must say the right next_number, as a string will do here. Sets otp_number.
judge() { # CASE
    local input=${reply%.*} tag=${reply##*.} header payload s='[[:space:]]*' before after hint='' claims
    local id next timestamp text='("[^"]*"|[^,"]*)'
    case_judged=$1 seen=$((seen + 1))
    [[ $reply =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] || wrong 0 'no = and no other character, with dots between the parts'
    if [[ ${tag%%=*} != "$(printf '%s' "$input" | hmac "$secret")" ]]; then
        [[ $tag != "$(printf '%s' "$input" | hmac "${secret}0a")" ]] || hint=$'It was made with the newline after the secret.\n'
        [[ $tag != "$(printf '%s' "$input" | hmac "$(tr -d '\n' <"$keys/key_secret_for_hmac.txt")")" ]] \
            || hint=$'It was made with the bytes that the secret writes in hexadecimal: the key is the text itself.\n'
        wrong 1 'an HMAC-SHA-256 of the first two parts and their dot, with the secret as the key' "$hint"
    fi
    payload=$(decoded "${input#*.}") header='{"alg":"HS256","typ":"JWT"}'
    [[ $input == eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.* ]] || header=$(decoded "${input%%.*}") # that is it
    [[ $header =~ ^$s\{.*\}$s$ && $header =~ \"alg\"$s:$s\"HS256\" && $header =~ \"typ\"$s:$s\"JWT\" ]] \
        || wrong 2 'the header {"alg":"HS256","typ":"JWT"}'
    claims="^$s\\{$s\"id_request\"$s:$s$text$s,$s\"next_number\"$s:$s$text$s,$s\"otp_number\"$s:$s$text$s,"
    claims+="$s\"otp_timestamp\"$s:$s$text$s\\}$s\$"
    [[ $payload =~ $claims ]] || wrong 3 'id_request, next_number, otp_number, otp_timestamp'
    value id_request && id=$value
    value next_number && next=$value
    value otp_number && otp_number=$value
    value otp_timestamp && timestamp=$value
    [[ $next =~ ^(0|[1-9][0-9]*)$ ]] || wrong 4 "next_number ${nexts[$1]}"
    [[ $id == "\"${ids[$1]}\"" ]] || wrong 5 "id_request ${ids[$1]}"
    [[ $otp_number =~ ^(0|[1-9][0-9]{0,4})$ && $otp_number -le 20000 ]] || wrong 6 'otp_number from 0 to 20000'
    printf -v after '%(%s)T' -1
    before=$((after - skew - tries)) after=$((after + skew))
    [[ $timestamp =~ ^[1-9][0-9]{0,17}$ && $before -le $timestamp && $timestamp -le $after ]] \
        || wrong 7 "otp_timestamp from $before to $after"
    ((${#reply} < size)) || wrong 8 "fewer than the request's $size bytes: a forged sender's address must gain nothing"
    [[ ${next//\"/} == "${nexts[$1]}" ]] || { expected "next_number ${nexts[$1]}"; return 1; }
}

value() { # NAME: sets value to the JSON text of this claim of payload, or to nothing
    local member="\"$1\""'[[:space:]]*:[[:space:]]*("[^"]*"|[^],}[:space:]]+)'
    value=''
    if [[ $payload =~ $member ]]; then value=${BASH_REMATCH[1]}; fi
}

answered() { ask "$1" && judge "$1"; } # CASE

# Leads a group to the state that a case supposes, unless it is there.
at=''
lead_to() { # CASE
    local before name
    [[ ${befores[$1]} != "$at" ]] || return 0
    at=''
    before=${befores[$1]#\"} before=${before%\"}
    while [[ -n $before ]]; do
        name=${before%%\",\"*}
        ask "${number_of[$name]}" || { printf '(on the way to state %s of %s: %s)\n' "${states[$1]}" "${groups[$1]}" "$name"; return 1; }
        last=${number_of[$name]}
        before=${before:${#name}} before=${before#\",\"}
    done
    at=${befores[$1]}
}

must_answer() { # CASE
    local next=${nexts[$1]} state
    if ! { lead_to "$1" && answered "$1"; }; then at=''; return 1; fi
    state=$((next == 0 ? members[$1] : next - 1))
    if ((state != states[$1])); then at=''; fi
}

# What must stay unanswered is sent twice, each from a socket of its own, and given time. Then the message
# that led to the state must be answered, which shows that the server lives and that no state has moved.
# A server that takes one datagram after the other has by then decided about the bad ones as well.
# Leaves in $dir/said.CASE what is wrong with a case.
must_not_answer() { # CASE...
    local case fd fds=() round
    lead_to "$1" >"$dir/lead" || { for case in "$@"; do cp "$dir/lead" "$dir/said.$case"; done; return 0; }
    for case in "$@"; do
        exec {fd}<>"/dev/udp/$address/$port"
        fds[case]=$fd
    done
    for round in 1 2; do
        for case in "$@"; do send "${fds[case]}" "$case"; done
    done
    pause "$wait"
    for case in "$@"; do
        fd=${fds[case]}
        drain "$fd"
        exec {fd}>&-
        if ((${#replies[@]} > 0)); then
            reply=${replies[0]}
            expected "no reply (${reasons[$case]})" >"$dir/said.$case"
            at=''
        fi
    done
    if [[ -n $at ]] && answered "$last" >"$dir/lead"; then return 0; fi
    if [[ -n $at ]] && { (($# == 1)) || [[ -n $dead ]]; }; then
        { cat "$dir/lead"; echo '(to the message before it, sent once more: no state may move)'; } >"$dir/said.$1"
    fi
    at=''
    (($# > 1)) || return 0
    # One of them has moved a state, and hides what the others do: each of those alone.
    for case in "$@"; do
        [[ -n $dead || -s $dir/said.$case ]] || must_not_answer "$case"
    done
}

# --- what no single datagram shows --------------------------------------------------------------------

promises=() tests=()
promise() { promises+=("$1") tests+=("$2"); }
javali_1=${number_of[JAVALI: 1 in state 1]-} noname_3=${number_of[NONAME: 3 in state 3]-}
[[ -n $javali_1 && -n $noname_3 ]] || die "$vectors/datagrams.jsonl: it lacks the cases of the state machine"

numbers_differ() {
    local round index one samples=()
    local -A numbers=()
    lead_to "$javali_1" || return 1
    exec 4<>"/dev/udp/$address/$port" || return 1
    for ((round = 0; round < 8 && ${#samples[@]} < 20; round++)); do
        for ((index = ${#samples[@]}; index < 20; index++)); do send 4 "$javali_1"; done
        pause 0.1
        drain 4
        samples+=(${replies[@]+"${replies[@]}"})
    done
    exec 4>&-
    for one in ${samples[@]+"${samples[@]}"}; do
        reply=$one
        judge "$javali_1" || return 1
        numbers[_$otp_number]=yes
    done
    # Of 20 in 20,001 two may be alike, by chance. Half of them never are.
    ((${#numbers[@]} > 10)) || { echo "${#numbers[@]} different otp_number in ${#samples[@]} replies to the same bytes"; return 1; }
}
promise 'otp_number makes replies to the same bytes differ' numbers_differ

is_one() {
    local try
    lead_to "$javali_1" || return 1
    for ((try = 1; try <= tries; try++)); do
        exec 4<>"/dev/udp/$address/$port" || return 1
        send 4 "$javali_1"
        pause "$wait"
        drain 4
        exec 4>&-
        ((${#replies[@]} == 0)) || break
    done
    ((${#replies[@]} == 1)) || { echo "${#replies[@]} datagrams came back, and not one"; return 1; }
}
promise 'a request gets one reply, in one datagram' is_one

# Two sockets at the same time.
to_the_sender() {
    local try here=() there=() one
    if ! { lead_to "$javali_1" && lead_to "$noname_3"; }; then return 1; fi
    at=''
    exec 5<>"/dev/udp/$address/$port" 6<>"/dev/udp/$address/$port" || return 1
    for ((try = 0; try < tries && (${#here[@]} == 0 || ${#there[@]} == 0); try++)); do
        send 5 "$javali_1"
        send 6 "$noname_3"
        pause "$wait"
        drain 5
        here+=(${replies[@]+"${replies[@]}"})
        drain 6
        there+=(${replies[@]+"${replies[@]}"})
    done
    exec 5>&- 6>&-
    ((${#here[@]} > 0 && ${#there[@]} > 0)) || { echo "${#here[@]} replies to the one, ${#there[@]} to the other"; return 1; }
    decode "$javali_1"
    for one in "${here[@]}"; do reply=$one; judge "$javali_1" || return 1; done
    decode "$noname_3"
    for one in "${there[@]}"; do reply=$one; judge "$noname_3" || return 1; done
}
promise 'a reply goes to the port that asked, and to no other' to_the_sender

# Adds a case of this moment: JAVALI's 2, or its 1, with other members.
add_case() { # SEQ_NUMBER MEMBERS REASON [NEXT_NUMBER]
    local payload input
    payload='{"group":"JAVALI","seq_number":'$1',"seq_max":3,"matricula":7,'$2'}'
    input=$(printf '%s' '{"alg":"RS256","typ":"JWT"}' | base64url).$(printf '%s' "$payload" | base64url)
    new=${#names[@]}
    names+=("$2") groups+=(JAVALI) members+=(3) states+=(1) befores+=("${befores[javali_1]}")
    datagrams+=("$(printf '%s.%s' "$input" "$(printf '%s' "$input" | openssl dgst -sha256 -sign "$keys/JAVALI.pem" -binary | base64url)" | base64 | tr -d '\n')")
    reasons+=("$3") nexts+=("${4:-}")
    ids+=("$(printf '%s' "$payload" | openssl dgst -sha256 -r | cut -d ' ' -f 1)")
}
without_leeway() {
    local now new case
    printf -v now '%(%s)T' -1
    add_case 2 '"exp":'$((now - skew - 1)) expired
    must_not_answer "$new"
    add_case 2 '"nbf":'$((now + skew + 60)) not_yet_valid
    must_not_answer "$new"
    for case in "$((new - 1))" "$new"; do
        [[ ! -s $dir/said.$case ]] || { printf '%s: ' "${names[case]}"; cat "$dir/said.$case"; return 1; }
    done
    add_case 1 '"exp":'$((now + 3600))',"nbf":'$((now - skew - 1)).5 '' 2
    must_answer "$new"
}
promise 'exp and nbf are held against the clock, without leeway' without_leeway

# --- the run ----------------------------------------------------------------------------------------

IFS=';' read -r -a pieces <<<"$only"
wanted() { # NUMBER NAME
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

cases=${#names[@]} plan=$((${#names[@]} + ${#looks[@]} + ${#promises[@]}))
printf 'TAP version 13\n1..%s\n' "$plan"

# Without anybody there, every line would take its time to say so.
if ! lives; then
    planned=yes
    printf 'Bail out! No reply to a good message: is the server at %s port %s, with the keys of %s/class?\n' \
        "$address" "$port" "$vectors"
    exit 1
fi

failures=0 ran=0
tell() { # NUMBER NAME SAID
    ran=$((ran + 1))
    if [[ ! -s $3 ]]; then
        printf 'ok %s - %s\n' "$1" "$2"
        return 0
    fi
    failures=$((failures + 1))
    printf 'not ok %s - %s\n' "$1" "$2"
    while IFS= read -r line || [[ -n $line ]]; do printf '# %s\n' "$line"; done <"$3"
    [[ -n $dead ]] || return 0
    planned=yes
    echo 'Bail out! The server answers nothing any more.'
    exit 1
}

batch=()
run_batch() {
    local case
    ((${#batch[@]} > 0)) || return 0
    must_not_answer "${batch[@]}"
    for case in "${batch[@]}"; do
        # Of a server that died, only what it was last sent is told.
        [[ -n $dead && ! -s $dir/said.$case ]] || tell "$((case + 1))" "${names[case]}" "$dir/said.$case"
    done
    batch=()
}
for ((number = 0; number < cases; number++)); do
    wanted "$((number + 1))" "${names[number]}" || continue
    if ((${#batch[@]} >= 40)) || [[ ${#batch[@]} -gt 0 && ${befores[batch[0]]} != "${befores[number]}" ]]; then run_batch; fi
    if [[ -n ${reasons[number]} ]]; then
        batch+=("$number")
    else
        run_batch
        if must_answer "$number" >"$dir/said"; then : >"$dir/said"; fi
        tell "$((number + 1))" "${names[number]}" "$dir/said"
    fi
done
run_batch
for index in "${!looks[@]}"; do
    number=$((cases + index + 1))
    wanted "$number" "${looks[index]}" || continue
    ((seen > 0)) || answered "${number_of[JAVALI: 0 in state 0]}" >"$dir/lead" || true
    if ((${counts[index]:-0} > 1)); then echo "(of $seen replies, ${counts[index]})" >>"$dir/look.$index"; fi
    ((seen > 0)) || cp "$dir/lead" "$dir/look.$index"
    tell "$number" "${looks[index]}" "$dir/look.$index"
done
for index in "${!promises[@]}"; do
    number=$((cases + ${#looks[@]} + index + 1))
    wanted "$number" "${promises[index]}" || continue
    if "${tests[index]}" >"$dir/said" 2>&1; then : >"$dir/said"; fi
    tell "$number" "${promises[index]}" "$dir/said"
done

planned=yes
((ran > 0)) || die "ONLY is '$only', which is no test's number and in no test's name" 2
((failures == 0)) || { echo "# $failures of $ran promises are not kept"; exit 1; }
