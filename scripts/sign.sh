#!/usr/bin/env bash
set -euo pipefail
# Signs claims as a compact JWS (RFC 7515) with RS256 (RFC 7518 section 3.3):
#
#   BASE64URL(header) . BASE64URL(claims) . BASE64URL(signature)
#
# The signature is over the first two parts and the dot between them, exactly as they are sent:
# not over the JSON. Nobody has to agree on how to print JSON, only on these characters.

usage() {
    cat <<'EOF'
usage: scripts/sign.sh KEY.pem [CLAIMS]

Prints a compact JWS of CLAIMS, signed with the RSA private key in KEY.pem.
Without CLAIMS, the bytes on standard input, exactly as they are (echo adds a newline, printf does not).

  scripts/sign.sh keys_priv/JAVALI.pem '{"group":"JAVALI","seq_number":1,"matricula":12345}'
EOF
}

die() { printf 'sign.sh: %s\n' "$1" >&2; exit 1; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -eq 1 || $# -eq 2 ]] || { usage >&2; exit 2; }
command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"

key=$1
[[ -r $key ]] || die "$key: no such file, or not readable; scripts/keygen.sh makes one"
[[ $(head -n 1 -- "$key") != *'OPENSSH PRIVATE KEY'* ]] \
    || die "$key is in OpenSSH's own form, which openssl can't read: ssh-keygen -p -m PEM -f $key makes it PEM"
openssl rsa -in "$key" -noout 2>/dev/null \
    || die "$key is not an RSA private key: scripts/keygen.sh makes one in keys_priv/ (keys_pub/ has the public half)"

# Base64 with '-' and '_' for '+' and '/', and without the '=' at the end (RFC 4648 section 5).
base64url() { openssl base64 -A | tr '/+' '_-' | tr -d '='; }

header=$(printf '%s' '{"alg":"RS256","typ":"JWT"}' | base64url)
if [[ $# -eq 2 ]]; then
    claims=$(printf '%s' "$2" | base64url)
else
    claims=$(base64url)
fi
signature=$(printf '%s' "$header.$claims" | openssl dgst -sha256 -sign "$key" -binary | base64url)

printf '%s\n' "$header.$claims.$signature"
