#!/usr/bin/env bash
set -euo pipefail
# A class on a VM: each act of the term, from here, over ssh.

usage() {
    cat <<'TEXT'
usage: scripts/vm.sh HOST up CLASS [RUN [OPTIONS]]   program, unit and class there, and the server up
       scripts/vm.sh HOST run RUN [OPTIONS]          serve this run: a new one begins at 0
       scripts/vm.sh HOST key FILE                   one group's public key more, or another one
       scripts/vm.sh HOST binary FILE | --back       another program; or again the one before it
       scripts/vm.sh HOST report [--csv | --group GROUP [--mermaid]] [RUN]
                                                     who is done; a group's last datagrams
       scripts/vm.sh HOST status                     is it up, what does it serve, what came last

HOST is what ssh takes: root@ADDRESS, a user with sudo, a name of ~/.ssh/config. CLASS is a directory
with keys_pub/, keys_priv/key_secret_for_hmac.txt and perhaps groups.json. A RUN is a name, such as
level3 or 2027-1, with its own records on the VM; OPTIONS are the server's: --lose 30, --trial, --explain.
No private key and no record is copied, and nothing on the VM is lost: what is replaced is kept
beside it as NAME.before. What doesn't come up again ends with the journal's words, status 1, and is put back.

SSH in the environment: the ssh to use, with its options (default: ssh).
TEXT
}

die() { printf 'vm.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

# --- what runs on the VM, as root: these functions are sent there ------------------------------------

# The names of everything there.
there_names() {
    unit=udpsocket-jwt-server
    program=/usr/local/bin/$unit
    class=/etc/$unit
    settings=/etc/default/$unit
    records=/var/lib/$unit
    unit_file=/etc/systemd/system/$unit.service
    replaced=()
    due=/run/$unit.restart # there from the first replacement until the server is up with it
}

there_fail() { printf 'vm.sh: %s\n' "$1" >&2; exit 1; }

# Puts NEW in the place of OLD, by renaming, so that OLD may be in use. Says whether that changes anything.
there_replace() { # NEW OLD WHAT
    if [[ -e $2 ]] && diff -qr "$1" "$2" >/dev/null; then
        echo "$3: as before"
        rm -rf "$1"
        return
    fi
    touch "$due"
    if [[ -e $2 ]]; then
        rm -rf "$2.before"
        mv "$2" "$2.before"
        echo "$3: replaced; the one before is $2.before"
    else
        echo "$3: new, $2"
    fi
    mv "$1" "$2"
    replaced+=("$2")
}

# Unpacks what comes on standard input into a directory on the disk of /etc, removed at the end.
there_unpack() {
    stage=$(mktemp -d "$class.XXXXXX")
    trap 'rm -rf "$stage"' EXIT
    tar -xf - -C "$stage" --no-same-owner
}

# The settings, replaced.
there_set() { # RUN OPTIONS ADDRESS
    # The unit reads them as systemd does, this script as the shell does: quotes are good for both.
    printf '%s\n' '# What the unit serves: the directory of the records, the options, the address.' \
        "RUN=\"$1\"" "OPTIONS=\"$2\"" "ADDRESS=\"$3\"" >"$settings.new"
    there_replace "$settings.new" "$settings" "settings (run $1${2:+, $2})"
}

# Everything that the journal has of the unit since there_mark.
there_mark() { journalctl -q -n 1 --cursor-file="$stage/cursor" >/dev/null; }
there_said() { journalctl --sync; journalctl -q -o cat -u "$unit" --cursor-file="$stage/cursor"; }

there_start() {
    systemctl daemon-reload
    systemctl reset-failed "$unit" 2>/dev/null || true
    systemctl restart "$unit" 2>/dev/null
}

# Starts the server with what was replaced. If it does not come up, what was there before is put back.
there_restart() {
    local path back=''
    if [[ ! -e $due ]] && systemctl -q is-active "$unit"; then
        echo 'nothing has changed: the server is left running'
        return
    fi
    [[ -e $settings && -x $program && -e $unit_file && -d $class ]] \
        || there_fail "there is no class on this machine yet: up CLASS"
    there_mark
    sync # else a power-off within half a minute leaves empty files where these were
    if there_start; then
        rm -f "$due"
        systemctl -q enable "$unit" 2>/dev/null
        sync
        said=$(there_said | sed -n '/^GROUP  /,/^listening on /{ /^Started /!p; }')
        printf '%s\n' "$said"
        return
    fi
    there_said >&2
    for path in ${replaced[@]+"${replaced[@]}"}; do
        [[ -e $path.before ]] || continue
        rm -rf "$path"
        mv "$path.before" "$path"
        back+=" $path"
    done
    [[ -n $back ]] || there_fail 'the server does not come up: the journal says why, above'
    if there_start; then
        rm -f "$due"
        there_fail "the server did not come up: the journal says why, above. Put back, and up:$back"
    fi
    there_fail "the server does not come up: the journal says why, above; nor does it with what was before:$back"
}

there_up() { # RUN OPTIONS
    local file address=0.0.0.0
    there_unpack
    if [[ ! -e $stage/$unit && ! -x $program ]]; then there_fail "there is no program"; fi
    id "$unit" >/dev/null 2>&1 \
        || { useradd --system --no-create-home --shell /usr/sbin/nologin "$unit"; echo "account: new, $unit"; }
    if [[ -e $stage/$unit ]]; then
        install -m 755 "$stage/$unit" "$program.new"
        there_replace "$program.new" "$program" program
    fi
    install -m 644 "$stage/$unit.service" "$unit_file.new"
    there_replace "$unit_file.new" "$unit_file" unit
    if [[ -d $class ]]; then
        for file in "$class"/keys_pub/*; do
            [[ ! -e $file || -e $stage/class/${file#"$class"/} ]] \
                || echo "note: ${file#"$class"/} was here, and is not in the new class"
        done
        cmp -s "$class"/keys_priv/*.txt "$stage"/class/keys_priv/*.txt || [[ -n $1 ]] \
            || echo 'note: another secret than before, and the same run: for a new class, name a new RUN'
    fi
    there_replace "$stage/class" "$class" class
    # The address of a bare machine: IPv6 with IPv4 where it has both.
    [[ ! -e /proc/net/if_inet6 || $(</proc/sys/net/ipv6/bindv6only) != 0 ]] || address=::
    RUN=first OPTIONS='' ADDRESS=$address
    # shellcheck disable=SC1090
    [[ ! -e $settings ]] || . "$settings"
    [[ $ADDRESS != :: ]] || ADDRESS=$address # it may have lost its IPv6
    if [[ -n $1 ]]; then there_set "$1" "$2" "$ADDRESS"; else there_set "$RUN" "$OPTIONS" "$ADDRESS"; fi
    there_old_records
    there_restart
}

# What a run finds where it is to be recorded.
there_old_records() {
    local found
    # shellcheck disable=SC1090
    . "$settings"
    found=$(wc -l 2>/dev/null <"$records/$RUN/received.jsonl") || found=0
    ((found == 0)) || echo "run $RUN: goes on from its $found records"
    [[ ! -e $records/received.jsonl ]] \
        || echo "note: $records/received.jsonl is of no run: move it into $records/RUN/ to serve or report it"
}

there_run() { # RUN OPTIONS
    there_unpack
    [[ -e $settings ]] || there_fail "there is no class on this machine yet: up CLASS"
    # shellcheck disable=SC1090
    . "$settings"
    there_set "$1" "$2" "$ADDRESS"
    there_old_records
    there_restart
}

there_key() { # NAME
    local file
    there_unpack
    [[ -d $class ]] || there_fail "there is no class on this machine yet: up CLASS"
    cp -a "$class" "$stage/class"
    shopt -s nocaseglob nullglob
    for file in "$stage/class/keys_pub/${1%.*}".*; do rm "$file"; done
    shopt -u nocaseglob nullglob
    mv "$stage/$1" "$stage/class/keys_pub/"
    there_replace "$stage/class" "$class" "class, with $1"
    there_restart
    [[ ${said:-} != *"/keys_pub/$1:"* ]] || there_fail "$1 is there, but it is not used: see above"
}

there_binary() {
    there_unpack
    chmod 755 "$stage" "$stage/$unit"
    "$stage/$unit" --version || there_fail "this program does not run on $(uname -sm)"
    install -m 755 "$stage/$unit" "$program.new"
    there_replace "$program.new" "$program" program
    if [[ -e $settings ]]; then there_restart; else echo 'next: up CLASS'; fi
}

there_back() {
    there_unpack
    [[ -e $program.before ]] || there_fail "$program.before: there is no program from before"
    mv "$program.before" "$program.new"
    there_replace "$program.new" "$program" program
    "$program" --version
    there_restart
}

there_report() { # RUN COLOUR OPTIONS
    [[ -e $settings ]] || there_fail "there is no class on this machine yet: up CLASS"
    # shellcheck disable=SC1090
    . "$settings"
    [[ -d $records/${1:-$RUN} ]] \
        || there_fail "there is no run $1; there are: $(cd "$records" && echo *)"
    # shellcheck disable=SC2086
    CLICOLOR_FORCE=$2 "$program" report $3 --keys "$class" --logs "$records/${1:-$RUN}"
}

there_status() {
    local state
    state=$(systemctl is-active "$unit") || true
    echo "$unit: $state; $("$program" --version 2>&1)"
    [[ -e $settings ]] || there_fail "there is no class on this machine yet: up CLASS"
    grep -v '^#' "$settings"
    (cd "$records" && wc -l ./*/received.jsonl 2>/dev/null | sed 's|/received.jsonl||; s|\./|records of run |') || true
    df -h "$records" 2>/dev/null | tail -n 1 || true
    echo 'last in the journal:'
    journalctl -q -o cat -u "$unit" -n 10
    [[ $state == active ]] || there_fail 'the server is not up: the journal says why, above'
}

# --- here ------------------------------------------------------------------------------------------

quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# Runs one of the functions above on the VM, with standard input, as root.
on_vm() { # FUNCTION ARGUMENTS
    local script command argument
    script="set -euo pipefail; umask 022; export LC_ALL=C
$(declare -f "${there[@]}")
there_names; \"\$@\""
    command="$sudo bash -c $(quote "$script") vm.sh"
    for argument; do command+=" $(quote "$argument")"; done
    { [[ -z $password ]] || printf '%s\n' "$password"; cat; } | "${ssh[@]}" "$host" "$command"
}

# Packs files of a directory under one name for all, without owners and the like. macOS's tar too.
pack() { COPYFILE_DISABLE=1 tar -chf - "$@"; }

has_private_key() { LC_ALL=C grep -aq 'PRIVATE KEY' "$1"; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[[ $# -ge 2 ]] || { usage >&2; exit 2; }
((BASH_VERSINFO[0] >= 4)) || die "needs bash 4 or later: brew install bash"
host=$1 act=$2
shift 2
[[ $host != -* ]] || die "HOST comes first (-h shows the usage)" 2
export LC_ALL=C
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
program=$here/target/release/udpsocket-jwt-server
read -ra ssh <<<"${SSH:-ssh}"
mapfile -t there < <(declare -F | sed 's/^declare -f //' | grep '^there_')

# What the acts take is looked at before anything is sent.
run='' options='' shown=''
take_run() { # [RUN [OPTIONS]]
    [[ $# -gt 0 ]] || return 0
    [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$ ]] \
        || die "RUN is '$1', but a run's name is 1 to 64 of A-Z a-z 0-9 _ . - and does not begin with . or -" 2
    run=$1
    shift
    options=$*
    [[ $options =~ ^[A-Za-z0-9\ =.-]*$ ]] || die "OPTIONS are '$options', but the server's are like --lose 30" 2
    case " $options" in
        *' --keys'* | *' --logs'*) die "--keys and --logs are the unit's: a RUN has its own directory" 2 ;;
    esac
}
case $act in
    up)
        [[ $# -ge 1 ]] || die "up takes a CLASS, a directory" 2
        class=$1
        shift
        take_run "$@"
        for file in keys_pub keys_priv/key_secret_for_hmac.txt; do
            [[ -r $class/$file ]] || die "$class/$file: no such file, or not readable; scripts/keygen.sh makes the keys"
        done
        ;;
    run)
        [[ $# -ge 1 ]] || die "run takes a RUN, the name of its records, such as level3" 2
        take_run "$@"
        ;;
    key | binary)
        [[ $# -eq 1 ]] || die "$act takes one FILE" 2
        file=$1
        [[ $act$file == binary--back || -r $file ]] || die "$file: no such file, or not readable"
        if [[ $act == key ]]; then
            name=${file##*/}
            [[ $name =~ ^[A-Za-z0-9_-]{1,32}\.(pem|ssh)$ ]] || die "$file: a key's file is GROUP.pem or GROUP.ssh: rename it"
            ! has_private_key "$file" || die "$file: a private key is in it: the server needs the public one alone"
        fi
        ;;
    report)
        while [[ ${1:-} == --* ]]; do
            case $1 in
                --csv | --mermaid) shown+=" $1" ;;
                --group)
                    [[ ${2:-} =~ ^[A-Za-z0-9_-]{1,32}$ ]] || die "--group takes the name of a GROUP" 2
                    shown+=" $1 $2"
                    shift
                    ;;
                *) die "report takes --csv or --group GROUP (-h shows the usage), not $1" 2 ;;
            esac
            shift
        done
        [[ $# -le 1 ]] || die "report takes one RUN at most" 2
        take_run "$@"
        ;;
    status) [[ $# -eq 0 ]] || die "status takes nothing" 2 ;;
    *) die "there is no act '$act' (-h shows the usage)" 2 ;;
esac

# Who are we there, on which kind of machine, and does sudo want a password?
password='' sudo=''
facts=$("${ssh[@]}" "$host" 'id -u; uname -sm; ls -d /run/systemd/system 2>&1; 
    sudo -kn true 2>/dev/null && echo free || sudo -kn true 2>&1 | tail -n 1' </dev/null) || true
mapfile -t facts <<<"$facts"
[[ ${#facts[@]} -ge 3 ]] || die "ssh $host: no answer; mend that first: ${ssh[*]} $host uname -sm"
[[ ${facts[2]} == /run/systemd/system ]] || die "$host: it does not run systemd, which the unit is for"
if [[ ${facts[0]} != 0 ]]; then
    sudo='sudo -n'
    if [[ ${facts[3]:-} != free ]]; then
        [[ ${facts[3]:-} == *password* ]] || die "$host: neither root nor a user with sudo: ${facts[3]:-}"
        printf '%s' "sudo's password on $host: " >&2
        { IFS= read -rs password </dev/tty; } 2>/dev/null || status=1
        echo >&2
        ((${status:-0} == 0)) || die "sudo there wants a password: use a terminal, or root@"
        sudo="sudo -kS -p ''"
    fi
fi

case $act in
    up)
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        umask 077
        mkdir -p "$work/class/keys_pub" "$work/class/keys_priv"
        cp "$here/scripts/udpsocket-jwt-server.service" "$work/"
        cp "$class/keys_priv/key_secret_for_hmac.txt" "$work/class/keys_priv/"
        [[ ! -e $class/groups.json ]] || cp "$class/groups.json" "$work/class/"
        for file in "$class"/keys_pub/*; do
            [[ -f $file ]] || continue
            if has_private_key "$file"; then
                echo "warning: $file: a private key is in it: not copied; ask the group for a new pair" >&2
            else
                cp "$file" "$work/class/keys_pub/"
            fi
        done
        # A program made here runs on a machine of the same kind.
        if [[ $(uname -sm) == "${facts[1]}" && -x $program ]]; then
            cp "$program" "$work/"
        elif ! "${ssh[@]}" "$host" 'test -x /usr/local/bin/udpsocket-jwt-server' </dev/null; then
            [[ $(uname -sm) != "${facts[1]}" ]] || die "$program: no such file: cargo build --release makes it"
            die "$host is ${facts[1]}, and this machine $(uname -sm): a program made here does not run there.
On $host or a machine like it, with Rust, gcc and this source:  cargo build --release
Fetch target/release/udpsocket-jwt-server from there, and here:  $0 $host binary FILE
Then this again."
        else
            echo "program: the one on $host stays: none for ${facts[1]} is made here"
        fi
        pack -C "$work" . | on_vm there_up "$run" "$options"
        ;;
    run) pack -C "$here/scripts" udpsocket-jwt-server.service | on_vm there_run "$run" "$options" ;;
    key | binary)
        if [[ $file == --back ]]; then
            pack -C "$here/scripts" udpsocket-jwt-server.service | on_vm there_back
        else
            work=$(mktemp -d)
            trap 'rm -rf "$work"' EXIT
            [[ $act == key ]] || name=udpsocket-jwt-server
            cp "$file" "$work/$name"
            pack -C "$work" "$name" | on_vm "there_$act" "$name"
        fi
        ;;
    report)
        colour=${CLICOLOR_FORCE:-}
        [[ ! -t 1 || -n ${NO_COLOR:-} ]] || colour=1
        on_vm there_report "$run" "$colour" "$shown" </dev/null
        ;;
    status) on_vm there_status </dev/null ;;
esac
