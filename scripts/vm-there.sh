#!/usr/bin/env bash
set -euo pipefail
# The acts of vm.sh on the VM itself, as root. vm.sh sends this file, and beside it what the act needs.
#
# An act makes a release: a directory with program, class, settings and start. It is written and tried
# while the server runs on; then the link "current" is renamed onto it, and the server restarted. So
# whenever this is cut off, the disk holds the old release or the new one, whole.

root=${VM_ROOT:-} # for the tests
unit=udpsocket-jwt-server
home=$root/opt/$unit         # the releases 1, 2, ...; current; lock
records=$root/var/lib/$unit  # a directory for each run
units=$root/etc/systemd/system
unit_file=$units/$unit.service
new=$home/new                # the release that is being made
here=$(cd -P "$(dirname "$0")" && pwd)
releases=5                   # so many are kept
key=''                       # the one that an act has brought
export LC_ALL=C
umask 022

# From the rename on, nobody may be there to read this: the act goes on.
say() { printf '%s\n' "$1" || true; }
fail() { printf 'vm.sh: %s\n' "$1" >&2 || true; exit 1; }

show() { systemctl show -P "$1" "$unit"; }
numbers() { find "$home" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' | sort -n; }
runs() { find "$records" -mindepth 1 -maxdepth 1 -type d -name '[A-Za-z0-9_]*' -printf '%f\n' | sort; }
count() { wc -l 2>/dev/null <"$records/$1/received.jsonl" || echo 0; } # RUN
# shellcheck disable=SC1091
settings() { . "$1/settings"; } # RUN, OPTIONS, ADDRESS
sums() { (cd "$1" && find . -type f | sort | while IFS= read -r file; do echo "$(cksum <"$file") $file"; done); }

ours() { grep -qs "=${home#"$root"}/current/start\$" "$unit_file"; } # the unit goes through current
need_class() {
    if ours; then return; fi
    [[ ! -e $unit_file ]] || fail 'an earlier vm.sh has served this machine: up, run or key carries that on'
    fail 'there is no class on this machine yet: up CLASS'
}
need_run() { # RUN
    [[ -d $records/$1 ]] || fail "there is no run $1; there are: $(runs | paste -sd ' ')"
}
# The release that is served: the process's own, or the one that a start would serve.
serving() {
    local program
    program=$(readlink "/proc/$(show MainPID)/exe") || program=''
    case $program in "$home"/[0-9]*) dirname "$program" ;; *) readlink -f "$home/current" ;; esac
}
# The class that a run is played by, or was.
class_of() { # RUN
    settings "$(serving)"
    if [[ $1 != "$RUN" && -d $records/$1/class ]]; then echo "$records/$1/class"; else echo "$(serving)/class"; fi
}

# --- an act, from the lock to the restart ------------------------------------------------------------

lock() {
    mkdir -p "$home"
    exec 9>"$home/lock"
    if ! flock -n 9; then
        say 'another act is under way on this machine: waiting'
        flock -w 240 9 || fail 'the other act does not end: look at it with status, then type this again'
    fi
    rm -rf "$new" "$home/current.new" "$records/.removed" "$unit_file.new" # of an act that was cut off
    scratch=$(mktemp -d "$root/run/vm-try.XXXXXX") # in /dev/shm, RemoveIPC= would take what is the service's
    trap 'rm -rf "$new" "$scratch"' EXIT
}

begin() {
    lock
    adopt
    old=$(readlink "$home/current") || old=''
    [[ -n $old || $act == up ]] || need_class
    keep_class
    mkdir "$new"
    [[ -z $old ]] || cp -a "$home/current/." "$new/"
    rm -f "$new/before"
}

# What a vm.sh without releases has left, as a release.
adopt() {
    local class=$root/etc/$unit settings=$root/etc/default/$unit program=$root/usr/local/bin/$unit run
    [[ -e $unit_file && -e $settings && -d $class && -x $program ]] || return 0
    if ours; then return; fi
    mkdir "$new"
    # shellcheck disable=SC1090
    . "$settings"
    save_settings
    cp -a "$class" "$new/class"
    cp "$program" "$new/"
    install -m 755 "$here/vm-start.sh" "$new/start"
    for run in $(runs); do keep_class_of "$class" "$records/$run"; done
    run=$(($(numbers | tail -n 1) + 1))
    mv -T "$new" "$home/$run"
    point "$run"
    say "release $run: the class, the run $RUN and the program that an earlier vm.sh has brought"
    say "note: no longer read, remove them when you like: $class $settings $program"
}

save_settings() { printf "%s='%s'\n" RUN "$RUN" OPTIONS "$OPTIONS" ADDRESS "$ADDRESS" >"$new/settings"; }

# The public half of the class that a run is played by, beside its records: they are reported with it.
keep_class() {
    [[ -e $home/current ]] || return 0
    settings "$home/current"
    [[ ! -d $records/$RUN ]] || keep_class_of "$home/current/class" "$records/$RUN"
}
keep_class_of() { # CLASS RECORDS
    ! diff -qr --exclude=keys_priv "$1" "$2/class" >/dev/null 2>&1 || return 0
    rm -rf "$2/class.new"
    mkdir -m 700 "$2/class.new"
    cp -r "$1/keys_pub" "$2/class.new/"
    [[ ! -e $1/groups.json ]] || cp "$1/groups.json" "$2/class.new/"
    chown -R "$unit:" "$2/class.new"
    sync
    rm -rf "$2/class"
    mv "$2/class.new" "$2/class"
}

point() { # RELEASE
    ln -sfn "$1" "$home/current.new"
    sync # what current is to name is on the disk first
    mv -T "$home/current.new" "$home/current"
    sync
}

# Does the release start? As the service's user, with all that a start reads but the record.
try_release() { # DIRECTORY
    local pid
    [[ -e $1/class ]] || fail 'there is no class on this machine yet: up CLASS'
    "$1/$unit" --version >"$scratch/said" 2>&1 || fail "this program does not run on $(uname -sm). Nothing has changed"
    mkdir "$scratch/logs"
    chmod 711 "$scratch"
    chown -R "$unit:" "$scratch/logs" "$1/class"
    chmod -R u=rwX,go= "$1/class"
    LOGS=$scratch/logs PORT=0 timeout 20 setpriv --reuid="$unit" --regid="$unit" --clear-groups "$1/start" \
        >"$scratch/said" 2>&1 9>&- &
    pid=$!
    until grep -q '^listening on ' "$scratch/said"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            cat "$scratch/said" >&2
            fail 'the server would not start with this: it says why, above. Nothing has changed'
        fi
        sleep 0.05
    done
    kill "$pid"
    wait "$pid" || true
}

# Makes the new release the one that is served, or leaves everything as it was.
finish() {
    local number
    install -m 755 "$here/vm-start.sh" "$new/start"
    if [[ -n $old ]] && diff -qr --exclude=before "$new" "$home/current" >/dev/null; then
        rm -rf "$new"
        number=$old
    else
        try_release "$new"
        [[ -z $key ]] || ! grep -F "/keys_pub/$key:" "$scratch/said" >&2 \
            || fail "$key would not be used: see above. Nothing has changed"
        [[ -z $old ]] || echo "$old" >"$new/before"
        number=$(($(numbers | tail -n 1) + 1))
    fi
    serve "$number"
}

serve() { # RELEASE
    local holder why unit_before=''
    systemctl daemon-reload
    if ours; then
        why=$(overridden)
        [[ -z $why ]] || fail "$why. Nothing has changed"
    fi
    if [[ $(systemctl is-active "$unit") != active ]]; then
        holder=$(ss -Hulpn 'sport = :5555' 2>/dev/null) || true
        [[ -z $holder ]] || fail "UDP port 5555 is another program's: ${holder##*users:}. Stop it; nothing has changed"
    fi
    if ! cmp -s "$here/$unit.service" "$unit_file"; then
        unit_before=$scratch/unit
        [[ ! -e $unit_file ]] || cp "$unit_file" "$unit_before"
        mkdir -p "$units/multi-user.target.wants"
        install -m 644 "$here/$unit.service" "$unit_file.new"
        ln -sf "$unit_file" "$units/multi-user.target.wants/" # so that the unit is enabled as it comes
    fi
    say "release $1: run $RUN${OPTIONS:+, $OPTIONS}, with $(count "$RUN") records so far"
    trap '' HUP INT TERM PIPE # whatever becomes of the connection
    [[ ! -e $new ]] || mv -T "$new" "$home/$1"
    [[ $old == "$1" ]] || point "$1"
    [[ ! -e $unit_file.new ]] || mv "$unit_file.new" "$unit_file"
    systemctl daemon-reload
    systemctl -q enable "$unit" 2>/dev/null || true
    sync
    # A start that failed is tried again by itself: the new release may be served already.
    if [[ $old == "$1" && -z $unit_before && -z $(amiss) ]]; then
        say 'nothing has changed: the server is left running'
    else
        if ! restart || [[ -n $(amiss) ]]; then go_back "$1" "$unit_before"; fi
        say "$(said | sed -n '/^GROUP  /,/^listening on /p')"
    fi
    keep_class
    numbers | head -n "-$releases" | while read -r number; do [[ $number == "$1" ]] || rm -rf "${home:?}/$number"; done
    sync
}

# The journal's words since the last restart began.
said() { journalctl --sync; journalctl -q -o cat -u "$unit" --cursor-file="$scratch/cursor" | grep -v '^Started ' || true; }
restart() {
    journalctl -q -n 1 --cursor-file="$scratch/cursor" >/dev/null || true
    systemctl reset-failed "$unit" 2>/dev/null || true
    systemctl restart "$unit" 2>/dev/null
}

# The release that was served before, again; or nothing, if there was none.
go_back() { # RELEASE UNIT
    local why
    why=$(amiss)
    printf '%s\n' "$(said)" "$why" >&2 || true
    [[ $1 != "$old" ]] || fail 'the server does not come up as it should: see above'
    [[ ! -e $2 ]] || cp "$2" "$unit_file.new"
    if [[ -z $old ]]; then
        systemctl -q disable --now "$unit" 2>/dev/null || true
        rm -f "$unit_file" "$home/current"
    else
        point "$old"
    fi
    [[ ! -e $unit_file.new ]] || mv "$unit_file.new" "$unit_file"
    systemctl daemon-reload
    (($1 < ${old:-0})) || rm -rf "${home:?}/$1"
    sync
    [[ -n $old ]] || fail 'the server did not come up: see above. Nothing of it is left'
    restart || fail "the server did not come up: see above. Nor does it as it was before, with release $old"
    fail "the server did not come up: see above. Put back, and up: release $old"
}

# Why a boot would not bring what is served now, or what is served is not the release, a line each.
amiss() {
    local pid served current
    pid=$(show MainPID)
    if [[ $(systemctl is-active "$unit") != active || $pid == 0 ]]; then
        echo 'the server is not up'
    else
        served=$(serving) current=$(readlink -f "$home/current")
        if [[ $served != "$current" ]]; then
            echo "release ${current##*/} waits, and ${served##*/} is served: an act was cut off; type it again"
        elif [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != "$("$current/start" echo) " ]]; then
            echo 'what is served is not what the release says: was the release, the unit or a drop-in changed?'
        fi
    fi
    [[ $(systemctl is-enabled "$unit" 2>&1) == enabled ]] || echo 'it is not enabled: a boot would not start it'
    [[ $(show NeedDaemonReload) == no ]] || echo 'the unit or a drop-in has changed since systemd read it'
    overridden
}
overridden() {
    [[ $(show ExecStart) == *" path=$home/current/start ;"* ]] \
        || echo "the unit starts something else than $home/current/start: remove $(show DropInPaths)"
}

# --- the acts --------------------------------------------------------------------------------------

act_up() { # [RUN OPTIONS WHAT-WAS-TYPED]
    local address=0.0.0.0 why
    begin
    [[ -e $here/$unit || -e $new/$unit ]] || fail 'there is no program here yet: PROGRAM=FILE brings one'
    id "$unit" >/dev/null 2>&1 || printf 'u %s - "%s" - -\n' "$unit" "$unit" | systemd-sysusers - 2>/dev/null
    [[ ! -e $here/$unit ]] || install -m 755 "$here/$unit" "$new/$unit"
    rm -rf "$new/class"
    cp -r "$here/class" "$new/class"
    # The address of a bare machine: IPv6 with IPv4 where it has both.
    [[ ! -e /proc/net/if_inet6 || $(</proc/sys/net/ipv6/bindv6only) != 0 ]] || address=::
    if [[ -e $new/settings ]]; then settings "$new"; else RUN=first OPTIONS='' ADDRESS=$address; fi
    [[ $ADDRESS != :: ]] || ADDRESS=$address # it may have lost its IPv6
    if [[ -n ${1:-} ]]; then
        RUN=$1 OPTIONS=${2:-}
    else
        why=$(not_of_this_class "$RUN")
        [[ -z $why ]] || fail "$why
A new class begins a new run, type:      ${3:-up} NAME
To go on in that run with it, type:      ${3:-up} $RUN"
    fi
    save_settings
    finish
}

# Whose records a run has that are not of the new class; nothing if it has none.
not_of_this_class() { # RUN
    local groups others secret=class/keys_priv/key_secret_for_hmac.txt
    [[ -s $records/$1/received.jsonl ]] || return 0
    groups=$("$new/$unit" report --csv --keys "$new/class" --logs "$records/$1" 2>/dev/null) || true
    [[ -n $groups ]] || return 0 # the trial will say why
    others=$(comm -23 <(grep -o '"group":"[^"]*"' "$records/$1/received.jsonl" | cut -d '"' -f 4 | unique) \
        <(cut -d , -f 1 <<<"$groups" | unique) | paste -sd ' ')
    if [[ -n $others ]]; then
        echo "run $1 has records of groups that this class does not have: $others"
    elif ! cmp -s "$new/$secret" "$home/current/$secret"; then
        echo "run $1 has records of a class with another secret"
    fi
}
unique() { tr '[:lower:]' '[:upper:]' | sort -u; }

act_run() { # RUN OPTIONS
    local why
    begin
    why=$(not_of_this_class "$1")
    [[ -z $why ]] || fail "$why. To serve it, bring its class: up CLASS $1"
    settings "$new"
    RUN=$1 OPTIONS=$2
    save_settings
    finish
}

act_key() { # NAME
    local file
    begin
    shopt -s nocaseglob nullglob
    for file in "$new/class/keys_pub/${1%.*}".*; do rm "$file"; done
    shopt -u nocaseglob nullglob
    key=$1
    cp "$here/$key" "$new/class/keys_pub/"
    finish
}

act_binary() {
    begin
    install -m 755 "$here/$unit" "$new/$unit"
    finish
    "$home/current/$unit" --version || true
}

act_back() { # [RELEASE]
    local to
    lock
    need_class
    old=$(readlink "$home/current")
    keep_class
    to=${1:-$(cat "$home/current/before" 2>/dev/null)} || true
    [[ -n $to && -d $home/$to ]] || fail "there is no release ${to:-before this one}; there are: $(numbers | paste -sd ' ')"
    try_release "$home/$to"
    settings "$home/$to"
    serve "$to"
}

act_report() { # RUN COLOUR OPTIONS
    local run=$1
    need_class
    settings "$(serving)"
    run=${1:-$RUN}
    need_run "$run"
    # shellcheck disable=SC2086
    CLICOLOR_FORCE=$2 "$home/current/$unit" report $3 --keys "$(class_of "$run")" --logs "$records/$run"
}

act_status() {
    local number why pid
    need_class
    number=$(serving) pid=$(show MainPID)
    echo "$unit: $(systemctl is-active "$unit" || true), $(systemctl is-enabled "$unit" 2>&1 || true), release ${number##*/}, $("$number/$unit" --version 2>&1)"
    ((pid == 0)) || echo "serves: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    [[ -z $(show DropInPaths) ]] || echo "drop-in: $(show DropInPaths)"
    for number in $(numbers); do
        settings "$home/$number"
        echo "release $number, $(date -ur "$home/$number/settings" '+%F %T') UTC: run $RUN${OPTIONS:+, $OPTIONS}"
    done
    for number in $(runs); do echo "run $number: $(count "$number") records"; done
    df -h "$records" 2>/dev/null | tail -n 1 || true
    flock -n "$home/lock" true || echo 'an act is under way now'
    echo 'last in the journal:'
    journalctl -q -o cat -u "$unit" -n 10
    why=$(amiss)
    [[ -z $why ]] || fail "$why"
}

# What this machine is to look like elsewhere: a line for each file, an empty one, then the files.
act_fetch() { # RUN
    lock
    need_class
    keep_class
    need_run "$1"
    "$home/current/$unit" report --csv --keys "$(class_of "$1")" --logs "$records/$1" >/dev/null || true
    sums "$records/$1"
    echo
    tar -cf - -C "$records/$1" --format=ustar --owner=0 --group=0 --warning=no-file-changed . || (($? == 1))
}

act_remove() { # RUN
    lock
    need_class
    need_run "$1"
    settings "$(serving)"
    [[ $1 != "$RUN" ]] || fail "run $1 is served: it stays"
    settings "$home/current"
    [[ $1 != "$RUN" ]] || fail "run $1 is to be served: it stays"
    diff <(sums "$records/$1") "$here/sums" >&2 \
        || fail "run $1 is not what was fetched (<: there, >: here): it stays. Move the directory $1 here away, and fetch $1 again"
    mv -T "$records/$1" "$records/.removed"
    sync
    rm -rf "$records/.removed"
    sync
    say "run $1: removed there; here it stays"
}

act=$1
shift
"act_$act" "$@"
