#!/usr/bin/env bash
set -euo pipefail
# Makes a group's RSA key pair and, if there is none yet, the class's HMAC secret.

usage() {
    cat <<'EOF'
usage: scripts/keygen.sh [--ssh] GROUP [DIR]

  DIR/keys_priv/GROUP.pem                 the private key, RSA with 2048 bits: never leaves its owner
  DIR/keys_pub/GROUP.pem                  its public key, which the server reads when it starts
  DIR/keys_priv/key_secret_for_hmac.txt   the secret of the server's replies, if there is none yet

GROUP is 1 to 32 of A-Z a-z 0-9 _ -; DIR is the class directory (default: .).
--ssh writes the public key as one OpenSSH line, keys_pub/GROUP.ssh, instead of .pem.
Nothing that exists is overwritten.
EOF
}

die() { printf 'keygen.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

form=pem
while [[ $# -gt 0 && $1 == -* ]]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --ssh) form=ssh ;;
        --) shift; break ;;
        *) die "unknown option $1 (-h shows the usage; -- before a group whose name begins with -)" 2 ;;
    esac
    shift
done
[[ $# -eq 1 || $# -eq 2 ]] || { usage >&2; exit 2; }
group=$1 dir=${2:-.}
[[ $dir != -* ]] || dir=./$dir
export LC_ALL=C # so that A-Z is those 26 letters, whatever the language of the machine
[[ $group =~ ^[A-Za-z0-9_-]{1,32}$ ]] \
    || die "GROUP is '$group', but a group's name is 1 to 32 of A-Z a-z 0-9 _ -" 2

command -v openssl >/dev/null || die "needs OpenSSL 3: apt install openssl, or brew install openssl@3"
[[ $form == pem ]] || command -v ssh-keygen >/dev/null \
    || die "--ssh needs ssh-keygen: apt install openssh-client, or brew install openssh"

umask 077 # a private key is never readable by others, not even while it is being written
mkdir -p "$dir/keys_pub" "$dir/keys_priv"
chmod 700 "$dir/keys_priv"
private=$dir/keys_priv/$group.pem
public=$dir/keys_pub/$group.$form
secret=$dir/keys_priv/key_secret_for_hmac.txt

# Whatever is there for this group already, in any case: two files, and the server uses neither.
shopt -s nocaseglob nullglob
present=("$dir/keys_pub/$group".*)

# New files get their name only once they are whole: an interruption leaves no half of a key.
new=$(mktemp "$dir/keys_priv/.new.XXXXXX")
trap 'rm -f "$new"' EXIT

if [[ -e $private ]]; then
    chmod 600 "$private"
    echo "kept $private"
elif [[ ${#present[@]} -gt 0 ]]; then
    die "${present[0]} exists, but its private key is not in $dir/keys_priv: it is probably the group's own.
Keep it, and nothing is to be done; or move it away and run this again for a new pair."
else
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$new" 2>/dev/null \
        || die "openssl could not make a key: try 'openssl genpkey -algorithm RSA' to see why"
    mv "$new" "$private"
    echo "made $private (private: give it to nobody)"
fi

# What the public key says, without comments, so that it can be compared with what is there.
if [[ $form == pem ]]; then
    key=$(openssl rsa -in "$private" -pubout 2>/dev/null) \
        || die "$private is not an RSA private key: move it away and run this again"
    found() { openssl rsa -pubin -in "$1" -pubout 2>/dev/null || true; }
else
    key=$(ssh-keygen -y -f "$private" 2>/dev/null | cut -d ' ' -f 1,2) || key=
    [[ $key == 'ssh-rsa '* ]] || die "$private is not an RSA private key: move it away and run this again"
    found() { cut -d ' ' -f 1,2 "$1"; }
fi

for file in ${present[@]+"${present[@]}"}; do
    [[ $file == "$public" ]] \
        || die "$file exists: with $public the group would have two, and the server would use neither.
Move it away and run this again."
    [[ $(found "$file") == "$key" ]] \
        || die "$file is not the public key of $private.
If it is the group's own, keep it and move $private away; if not, move it away and run this again."
done

if [[ ${#present[@]} -gt 0 ]]; then
    echo "kept $public"
else
    [[ $form == pem ]] || key+=" $group"
    printf '%s\n' "$key" >"$new"
    mv "$new" "$public"
    echo "made $public (public: this one the server needs)"
fi

if [[ -e $secret ]]; then
    echo "kept $secret"
else
    openssl rand -hex 32 >"$new"
    mv "$new" "$secret"
    echo "made $secret"
fi
