#!/usr/bin/env bash
set -euo pipefail
# Verifies a reply of the server, a compact JWS with HS256 (RFC 7518 section 3.2), and prints its claims.
# Whether it answers *your* request is for you to compare: id_request is the SHA-256 of your claims.

usage() {
    cat <<'EOF'
usage: scripts/verify.sh SECRET_FILE [TOKEN]

Verifies the HMAC of TOKEN (default: standard input) with the secret in SECRET_FILE.
Prints the claims and ends with 0 if it is right; says what is wrong and ends with 1 if not.

  scripts/verify.sh keys_priv/key_secret_for_hmac.txt "$reply"
EOF
}

die() { printf 'verify.sh: %s\n' "$1" >&2; exit 1; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -eq 1 || $# -eq 2 ]] || { usage >&2; exit 2; }
command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
export LC_ALL=C # so that A-Z is those 26 letters, and a character is a byte

base64url() { openssl base64 -A | tr '/+' '_-' | tr -d '='; }

base64url_decode() {
    local text
    text=$(tr '_-' '/+')
    while ((${#text} % 4)); do text+='='; done
    printf '%s' "$text" | openssl base64 -d -A
}

# The key is the file's bytes without one newline at the end, LF or CRLF. In hexadecimal, since bash
# cannot hold a NUL, and $(...) would take off every newline.
[[ -r $1 ]] || die "$1: no such file, or not readable; it must be the server's key_secret_for_hmac.txt"
key=$(od -An -v -tx1 <"$1" | tr -d ' \t\n')
case $key in
    *0d0a) key=${key%0d0a} ;;
    *0a) key=${key%0a} ;;
esac
[[ -n $key ]] || die "$1: no secret in it; it must be the server's key_secret_for_hmac.txt"

# A NUL, which bash would drop without a word, becomes a '?', which no token has.
if [[ $# -eq 2 ]]; then token=$2; else token=$(tr '\0' '?'); fi
[[ -n $token ]] || die "there is no reply to verify: nothing arrived"
[[ $token =~ ^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$ ]] \
    || die "not a compact JWS, three parts of base64url with dots between them: $(printf %q "${token:0:60}")"
header=${BASH_REMATCH[1]} claims=${BASH_REMATCH[2]} signature=${BASH_REMATCH[3]}

# The verifier decides the algorithm. The token only gets to agree.
text=$(printf '%s' "$header" | base64url_decode | tr '\t\n\r' ' ' | tr -c '[:print:]' '?')
[[ $text =~ \"alg\"[[:space:]]*:[[:space:]]*\"HS256\" ]] \
    || die "the header's alg must be HS256, but the header is ${text:0:60} (RS256 is a request's)"
[[ $text != *'"crit"'* ]] || die "the header has crit, an extension that must be understood, and this does not"

# The HMAC is made again and compared in full. (While openssl runs, ps shows the key to this machine's
# users: for a class's shared secret that will do.)
expected=$(printf '%s' "$header.$claims" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64url)
[[ $signature == "$expected" ]] \
    || die "the HMAC does not verify: the reply was damaged or forged, or $1 is not the server's secret"

# Nothing in them drives the terminal or looks like another line: every classmate has the secret.
printf '%s' "$claims" | base64url_decode | tr '\t\n\r' ' ' | tr -c '[:print:]' '?'
echo
