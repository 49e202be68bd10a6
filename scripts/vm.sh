#!/usr/bin/env bash
set -euo pipefail
# A class on a VM: each act of the term, from here, over ssh. What happens there is in vm-there.sh.

usage() {
    cat <<'TEXT'
usage: scripts/vm.sh HOST up CLASS [RUN [OPTIONS]]   program, unit and class there, and the server up
       scripts/vm.sh HOST run RUN [OPTIONS]          serve this run: in a new one groups begin at 1
       scripts/vm.sh HOST key FILE                   one group's public key more, or another one
       scripts/vm.sh HOST binary FILE                another program
       scripts/vm.sh HOST back [RELEASE]             what was served before the last act, or that RELEASE
       scripts/vm.sh HOST report [--csv | --group GROUP [--mermaid]] [RUN]
                                                     who is done; a group's last datagrams
       scripts/vm.sh HOST status                     what is served, and would a boot serve the same?
       scripts/vm.sh HOST fetch RUN                  a run's records and its class, into the directory RUN here
       scripts/vm.sh HOST remove RUN                 what was fetched goes there, if it is still the same

HOST is what ssh takes: root@ADDRESS, a user with sudo, a name of ~/.ssh/config. CLASS is a directory
with keys_pub/, keys_priv/key_secret_for_hmac.txt and perhaps groups.json. A RUN is a name, such as
level3 or 2027-1, with its own records on the VM; OPTIONS are the server's: --lose 30, --trial, --explain.
An act is done whole or not at all, whenever it is cut off. It makes a release (program, class, settings),
tries it, and serves it; the last five are kept there. Of the class, only public keys, groups.json and
the secret are copied.

In the environment: SSH, the ssh to use, with its options (default: ssh); PROGRAM, the program that up
brings (default: target/release/udpsocket-jwt-server, to a VM of this machine's kind).
TEXT
}

die() { printf 'vm.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
quote() { # TEXT, for a shell there
    local quote="'" quoted="'\\''"
    printf "'%s'" "${1//$quote/$quoted}"
}

# Why a key file is not copied; nothing if it is a public key, in text that the server reads, and no private one.
why_not() { # FILE
    local public='-----BEGIN (RSA )?PUBLIC KEY-----|^(.{3})?ssh-[a-z0-9]+ AAAA'
    local private='(^|[^A-Za-z0-9])(BEGIN|END)[^A-Za-z0-9].*PRIVATE KEY|PRIVATE KEY-----|PuTTY-User-Key-File'
    local name='^[A-Za-z0-9_-]{1,32}\.([pP][eE][mM]|[sS][sS][hH])$'
    if LC_ALL=C grep -Eaq -e "$private"'|privateExponent|"kty"' "$1"; then
        echo 'a private key is in it: ask the group for a new pair, and for the public one alone'
    elif ! LC_ALL=C grep -Eaq -e "$public" "$1"; then
        echo 'there is no public key in it, in PEM or as OpenSSH writes it'
    elif ! [[ ${1##*/} =~ $name ]]; then
        echo 'its name is not GROUP.pem or GROUP.ssh: rename it'
    fi
}

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -ge 2 ]] || { usage >&2; exit 2; }
host=$1 act=$2
shift 2
[[ $host != -* ]] || die "HOST comes first (-h shows the usage)" 2
export LC_ALL=C
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
unit=udpsocket-jwt-server
work=$(mktemp -d /tmp/vm.XXXXXX) # short: macOS takes a socket's path of 104 bytes

clean_up() {
    [[ ! -e $work/s ]] || "${ssh[@]}" -O exit "$host" 2>/dev/null || true
    rm -rf "$work"
    [[ -z ${part:-} ]] || rm -rf "$part"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- what the acts take is looked at, and laid out in $send, before anything is sent -----------------

run='' options='' shown=''
words='^[A-Za-z0-9 _=.-]*$'
take_run() { # [RUN [OPTIONS]]
    [[ $# -gt 0 ]] || return 0
    local name='^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$'
    [[ $1 =~ $name ]] \
        || die "RUN is '$1', but a run's name is 1 to 64 of A-Z a-z 0-9 _ . - and does not begin with . or -" 2
    run=$1
    shift
    options=$*
    [[ $options =~ $words ]] || die "OPTIONS are '$options', but the server's are like --lose 30" 2
    case " $options" in
        *' --keys'* | *' --logs'*) die "--keys and --logs are the unit's: a RUN has its own directory" 2 ;;
        *' --no-sync'*) die "--no-sync is for benchmarks: a crash of the VM would lose what was acknowledged" 2 ;;
    esac
}
# As vm-there.sh does.
sums() { (cd "$1" && find . -type f | sort | while IFS= read -r file; do echo "$(cksum <"$file") $file"; done); }

umask 077
send=$work/send
mkdir "$send"
case $act in
    up)
        [[ $# -ge 1 ]] || die "up takes a CLASS, a directory" 2
        class=$1
        shift
        take_run "$@"
        for file in keys_pub keys_priv/key_secret_for_hmac.txt; do
            [[ -r $class/$file ]] || die "$class/$file: no such file, or not readable; scripts/keygen.sh makes the keys"
        done
        mkdir -p "$send/class/keys_pub" "$send/class/keys_priv"
        cp "$class/keys_priv/key_secret_for_hmac.txt" "$send/class/keys_priv/"
        [[ ! -e $class/groups.json ]] || cp "$class/groups.json" "$send/class/"
        for file in "$class"/keys_pub/*; do
            [[ -f $file ]] || continue
            why=$(why_not "$file")
            if [[ -z $why ]]; then
                cp "$file" "$send/class/keys_pub/"
            else
                echo "warning: $file: not copied: $why" >&2
            fi
        done
        set -- "$run" "$options" "$0 $host up $class"
        ;;
    run)
        [[ $# -ge 1 ]] || die "run takes a RUN, the name of its records, such as level3" 2
        take_run "$@"
        set -- "$run" "$options"
        ;;
    key)
        [[ $# -eq 1 ]] || die "key takes one FILE" 2
        [[ -r $1 ]] || die "$1: no such file, or not readable"
        why=$(why_not "$1")
        [[ -z $why ]] || die "$1: not copied: $why"
        cp "$1" "$send/"
        set -- "${1##*/}"
        ;;
    binary)
        [[ $# -eq 1 ]] || die "binary takes one FILE" 2
        [[ -r $1 ]] || die "$1: no such file, or not readable"
        cp "$1" "$send/$unit"
        ;;
    back) [[ $# -le 1 && ${1:-1} =~ ^[0-9]+$ ]] || die "back takes a RELEASE at most, a number; status lists them" 2 ;;
    report)
        while [[ ${1:-} == --* ]]; do
            shown="$shown $1"
            [[ $1 != --group || $# -eq 1 ]] || { shown="$shown $2"; shift; }
            shift
        done
        [[ $# -le 1 && $shown =~ $words ]] || die "report takes options of the server's report, and one RUN at most" 2
        take_run "$@"
        colour=${CLICOLOR_FORCE:-}
        [[ ! -t 1 || -n ${NO_COLOR:-} ]] || colour=1
        set -- "$run" "$colour" "$shown"
        ;;
    status) [[ $# -eq 0 ]] || die "status takes nothing" 2 ;;
    fetch | remove)
        [[ $# -eq 1 ]] || die "$act takes one RUN" 2
        take_run "$1"
        [[ $act != fetch || ! -e $run ]] || die "$run: it is here already; move it away: mv $run $run.before"
        [[ $act != remove || -d $run ]] || die "$run: there is no such directory here: $0 $host fetch $run, and then this"
        [[ $act == fetch ]] || sums "$run" >"$send/sums"
        ;;
    *) die "there is no act '$act' (-h shows the usage)" 2 ;;
esac

# --- one connection for the act ----------------------------------------------------------------------

read -ra ssh <<<"${SSH:-ssh}"
ssh+=(-o ControlMaster=auto -o "ControlPath=$work/s" -o ControlPersist=30
    -o ConnectTimeout=15 -o ServerAliveInterval=5 -o ServerAliveCountMax=3)

# Who are we there, on which kind of machine, is a program there, and does sudo want a password?
# shellcheck disable=SC2016
facts=$("${ssh[@]}" "$host" 'sh -c '"$(quote 'export LC_ALL=C; printf "\nvm.sh|%s|%s|%s|%s|%s\n" "$(id -u)" "$(uname -sm)" \
    "$(ls -d /run/systemd/system 2>/dev/null)" \
    "$(ls -d /opt/udpsocket-jwt-server/current /usr/local/bin/udpsocket-jwt-server 2>/dev/null | head -n 1)" \
    "$(sudo -kn true 2>&1 && echo free)"')" </dev/null) || true
IFS='|' read -r uid kind systemd there sudo_says <<<"$(sed -n 's/^vm\.sh|//p' <<<"$facts")"
[[ -n $uid ]] || die "$host: no answer; mend that first: ${SSH:-ssh} $host uname -sm"
[[ -n $systemd ]] || die "$host: it does not run systemd, which the unit is for"
sudo='' password=''
if [[ $uid != 0 ]]; then
    sudo='sudo -n'
    if [[ $sudo_says != free ]]; then
        [[ $sudo_says == *password* ]] || die "$host: neither root nor a user with sudo: $sudo_says"
        printf '%s' "sudo's password on $host: " >&2
        { IFS= read -rs password </dev/tty; } 2>/dev/null \
            || { echo >&2; die "sudo there wants a password: use a terminal, or root@"; }
        echo >&2
        sudo="sudo -kS -p ''"
    fi
fi

# Sends what is in $send, vm-there.sh last: so it is there only if all is. It is kept in the VM's memory.
# What a login shell there prints by itself is passed over.
on_vm() { # ACT ARGUMENTS
    local command argument line
    # shellcheck disable=SC2016
    command='umask 077; printf "\nvm.sh begins\n"; IFS= read -r password; d=$(mktemp -d /dev/shm/vm.XXXXXX) || exit
        trap "rm -rf $d" EXIT; tar -xmf - -C "$d" --no-same-owner || exit
        printf "%s\n" "$password" | '"$sudo"' bash "$d/vm-there.sh" "$@"'
    command="sh -c $(quote "$command") vm.sh"
    for argument; do command="$command $(quote "$argument")"; done
    {
        printf '%s\n' "$password"
        COPYFILE_DISABLE=1 tar -chf - --format=ustar -C "$send" . -C "$here/scripts" \
            $unit.service vm-start.sh vm-there.sh
    } | "${ssh[@]}" "$host" "$command" | {
        while IFS= read -r line && [[ $line != 'vm.sh begins' ]]; do :; done
        cat
    }
}

if [[ $act == up ]]; then
    program=${PROGRAM:-$here/target/release/$unit}
    # A program made here runs on a machine of the same kind.
    if [[ -n ${PROGRAM:-} || $(uname -sm) == "$kind" && -x $program ]]; then
        cp "$program" "$send/$unit"
    elif [[ -z $there ]]; then
        [[ $(uname -sm) != "$kind" ]] || die "$program: no such file: cargo build --release makes it"
        die "$host is $kind, and this machine $(uname -sm): a program made here does not run there.
An archive of the release for that system has one; so has target/release/, made on a machine like $host.
Type:  PROGRAM=FILE $0 $host up $class"
    else
        echo "program: the one on $host stays: none for $kind is made here"
    fi
fi
if [[ $act != fetch ]]; then
    on_vm "$act" "$@"
    exit
fi
part=$(mktemp -d "$run.XXXXXX")
on_vm fetch "$run" | {
    while IFS= read -r line && [[ -n $line ]]; do printf '%s\n' "$line"; done >"$work/sums"
    tar -xf - -C "$part"
} || die "$run was not fetched whole: type this again"
while read -r sum bytes file; do
    # The server may have written more meanwhile.
    [[ $(head -c "$bytes" "$part/$file" | cksum) == "$sum $bytes" ]] \
        || die "$run/$file: it did not come as it was there: type this again"
done <"$work/sums"
mv "$part" "$run"
echo "$run: here, with the class that it was played by. Its grades:
$unit report --csv --keys $run/class --logs $run"
