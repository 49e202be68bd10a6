#!/usr/bin/env bash
set -euo pipefail
# A term on a machine of its own, from the bare Debian to the grades, with all that may go wrong in it.

usage() {
    cat <<'TEXT'
usage: tests/vm/run.sh SUITE DIR [ACT ...]

Makes a bare Debian (SUITE: bookworm, trixie) in DIR, boots it in qemu and plays the acts, each shown as
it was typed with what came. Needs Debian's packages
qemu-system-x86, mmdebstrap, openssh-client, e2fsprogs and cargo build --release; forwards ssh and UDP
port 5555 of the machine to free ports of 127.0.0.1. ACT: some of the acts only (default: all, in order).

From the environment: ACCEL, qemu's accelerator (default tcg: it needs no /dev/kvm), POWER_OFFS (default 10).
TEXT
}

[[ $# -ge 2 ]] || { usage >&2; exit 2; }
suite=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
cd "$(dirname "$0")/../.."
export LC_ALL=C
ssh_port=${SSH_PORT:-$((20000 + RANDOM % 5000))} udp_port=${UDP_PORT:-$((25000 + RANDOM % 5000))}
class=$dir/class program=target/release/udpsocket-jwt-server
server=127.0.0.1

# --- the machine -----------------------------------------------------------------------------------

make_machine() {
    [[ ! -e $dir/bare.raw ]] || return 0
    ssh-keygen -q -t ed25519 -N '' -f "$dir/id"
    # What a provider's image has: ssh, sudo, a user with it. No Rust, no tool of ours.
    # shellcheck disable=SC2016
    mmdebstrap --quiet --variant=minbase --format=null \
        --include=systemd-sysv,linux-image-cloud-amd64,openssh-server,sudo,dbus,udev,iproute2 \
        --customize-hook='chroot "$1" useradd -m -s /bin/bash professor' \
        --customize-hook='chroot "$1" useradd -m -s /bin/bash careful' \
        --customize-hook='echo careful:secret | chroot "$1" chpasswd' \
        --customize-hook='for home in root home/professor home/careful; do
            mkdir -p "$1/$home/.ssh"; chmod 700 "$1/$home/.ssh"; cp '"'$dir/id.pub'"' "$1/$home/.ssh/authorized_keys"; done' \
        --customize-hook='chroot "$1" chown -R professor: /home/professor; chroot "$1" chown -R careful: /home/careful' \
        --customize-hook='printf "%s\n" "professor ALL=(ALL) NOPASSWD:ALL" "careful ALL=(ALL) ALL" >"$1/etc/sudoers.d/class"' \
        --customize-hook='printf "%s\n" "[Match]" "Name=eth0" "[Network]" "DHCP=ipv4" >"$1/etc/systemd/network/eth0.network"' \
        --customize-hook='printf "%s\n" "[Match]" "Name=eth1" "[Network]" "DHCP=ipv4" >"$1/etc/systemd/network/eth1.network"' \
        --customize-hook='chroot "$1" systemctl -q enable systemd-networkd systemd-networkd-wait-online' \
        --customize-hook='echo vm >"$1/etc/hostname"; echo "127.0.0.1 localhost vm" >"$1/etc/hosts"; echo "/dev/vda / ext4 defaults 0 1" >"$1/etc/fstab"' \
        --customize-hook='cp -L "$1/vmlinuz" "$1/initrd.img" '"'$dir'" \
        --customize-hook='tree=$(mktemp -d); mount --bind "$1" "$tree"; mkfs.ext4 -q -d "$tree" '"'$dir/new.raw'"' 2G; umount "$tree"' \
        "$suite" -
    mv "$dir/new.raw" "$dir/bare.raw"
}

cat >"$dir/ssh_config" <<TEXT
Host *
  HostName 127.0.0.1
  Port $ssh_port
  IdentityFile "$dir/id"
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  LogLevel ERROR
  ConnectTimeout 15
Host vm
  User root
Host professor
  User professor
Host careful
  User careful
TEXT
export SSH="ssh -F $dir/ssh_config"
on_vm() { ssh -F "$dir/ssh_config" vm "$@"; }

machine=''
# cache=none: what the machine has flushed is in the file, and no cache of this machine's is between.
boot() { # KERNEL-OPTIONS [MORE OF QEMU'S]
    qemu-system-x86_64 -accel "${ACCEL:-tcg}" -cpu max -m 512 -display none -monitor none \
        -serial "file:$dir/console.log" -kernel "$dir/vmlinuz" -initrd "$dir/initrd.img" \
        -append "root=/dev/vda rw console=ttyS0 net.ifnames=0 $1" \
        -drive "file=$dir/disk.raw,format=raw,if=virtio,cache=none" \
        -nic "user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:$ssh_port-:22,hostfwd=udp:127.0.0.1:$udp_port-:5555" \
        "${@:2}" 2>"$dir/qemu.log" &
    machine=$!
    local try
    for ((try = 0; try < 300; try++)); do
        # systemd keeps users out until the boot has come so far.
        if timeout 30 ssh -F "$dir/ssh_config" vm true 2>/dev/null; then return; fi
        kill -0 "$machine" 2>/dev/null || { cat "$dir/qemu.log" >&2; exit 1; }
        sleep 1
    done
    echo 'the machine does not boot: console.log' >&2
    exit 1
}
# The plug is pulled: nothing of the machine runs any further.
power_off() {
    [[ -n $machine ]] || return 0
    kill -KILL "$machine" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
    machine=''
}
clean_up() {
    local -a left
    mapfile -t left < <(jobs -p)
    kill -KILL "${left[@]}" 2>/dev/null || true
}
trap clean_up EXIT

# --- what is typed, and what must come ---------------------------------------------------------------

title() { printf '\n== %s\n' "$*"; }
typed() { # COMMAND: shown, run, and its output and status kept
    printf '\n$ %s\n' "$1" | sed "s|$dir/class|CLASS|g; s|$dir|DIR|g"
    status=0
    out=$(eval "$1" 2>&1) || status=$?
    printf '%s\n' "$out" | sed "s|$dir|DIR|g"
    ((status == 0)) || echo "[exit status $status]"
}
comes() { # STATUS WHAT ...: the last command's status, and what must be in its output
    local what
    ((status == $1)) || { echo "FAILED: status $status, not $1" >&2; exit 1; }
    for what in "${@:2}"; do
        [[ $out == *"$what"* ]] || { echo "FAILED: \"$what\" did not come" >&2; exit 1; }
    done
}
comes_not() { [[ $out != *"$1"* ]] || { echo "FAILED: \"$1\" came" >&2; exit 1; }; }

vm=scripts/vm.sh
client() { # GROUP MEMBERS [CLASS]
    echo "tests/client.sh $server $udp_port $1 $2 ${3:-$class}/keys_priv/$1.pem ${3:-$class}/keys_priv/key_secret_for_hmac.txt"
}
make_class() { # DIRECTORY TABLE GROUP ...
    [[ ! -e $1 ]] || return 0
    mkdir -p "$1"
    local group
    for group in "${@:3}"; do scripts/keygen.sh "$group" "$1" >/dev/null; done
    echo "$2" >"$1/groups.json"
}

# --- the acts --------------------------------------------------------------------------------------

act_first_day() {
    title 'The first day: from the bare machine to the first acknowledged datagram'
    local begun=$SECONDS
    typed "$vm professor up $class"
    comes 0 'account: new' 'listening on [::]:5555'
    typed "$(client HEARTBEAT 1)"
    comes 0 'everyone is in'
    echo "(2 commands, $((SECONDS - begun)) s, the machine emulated)"
    typed "$vm professor up $class"
    comes 0 'nothing has changed'
    typed "$SSH vm touch /run/udpsocket-jwt-server.restart; $vm professor up $class # one that was cut off"
    comes 0 'listening on'
    typed "$vm professor status"
    comes 0 ': active' 'listening on'
    typed "$SSH professor udpsocket-jwt-server --version"
    comes 0
    title 'sudo with a password, asked for here'
    typed "script -qec '$vm careful status' /dev/null < <(sleep 20; echo secret; sleep 30)"
    comes 0 ': active'
    typed "setsid -w $vm careful status </dev/null"
    comes 1 'wants a password'
}

act_levels() {
    title 'A level is a run: nothing is moved, and it begins at 0 (faults 1 and 5)'
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    typed "$vm professor run level3 --lose 30"
    comes 0 'ALFA             3      0' '--lose'
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    typed "$vm professor run level4 --trial"
    comes 0 'clients are examined'
    typed "TIMEOUT=0.5 $(client HEARTBEAT 1)"
    comes 0 'everyone is in'
    typed "$vm professor report level4"
    comes 0 'run it again: '
    typed "$vm professor report --group HEARTBEAT level4"
    comes 0 'rule 1 payload: ' 'next_number 0, otp_number '
    typed "$vm professor run first"
    comes 0 'goes on from its 4 records' 'ALFA             3      3'
    typed "$vm professor report --csv level3"
    comes 0 'ALFA,3,1003,'
    typed "$vm professor run level5 --loose 30"
    comes 1 'there is no option "--loose" here' 'Put back, and up: /etc/default'
    typed "$vm professor status"
    comes 0 'RUN="first"' ': active'
    typed "$vm professor report level9"
    comes 1 'there is no run level9; there are: first level3 level4'
}

act_elsewhere() {
    title 'A report that looks where the records are not (fault 2)'
    typed "$SSH vm udpsocket-jwt-server report --csv /etc/udpsocket-jwt-server"
    comes 1 '/etc/udpsocket-jwt-server/received.jsonl: there is no such file'
}

act_keys() {
    title 'A key more, and keys that are none (fault 6)'
    make_class "$dir/gama" '{"GAMA": 2}' GAMA
    typed "$vm professor key $dir/gama/keys_pub/GAMA.pem"
    comes 1 'its name is that of no group in the table'
    echo '{"ALFA": 3, "BETA": [1001, 1002, 1003, 1004], "HEARTBEAT": 1, "GAMA": 2}' >"$class/groups.json"
    typed "$vm professor up $class"
    comes 0 'note: keys_pub/GAMA.pem was here' 'GAMA             2      0  no usable key'
    typed "$vm professor key $dir/gama/keys_pub/GAMA.pem"
    comes 0 'GAMA             2      0  GAMA.pem'
    cp "$dir/gama/keys_pub/GAMA.pem" "$class/keys_pub/"
    mkdir -p "$dir/wrong"
    cp "$class/keys_priv/BETA.pem" "$dir/wrong/BETA.pem"
    typed "$vm professor key $dir/wrong/BETA.pem"
    comes 1 'a private key is in it'
    cp -r "$class" "$dir/slip"
    cp "$class/keys_priv/ALFA.pem" "$dir/slip/keys_pub/ALFA.pem"
    typed "$vm professor up $dir/slip"
    comes 0 'ALFA.pem: a private key is in it: not copied' 'ALFA             3      3  no usable key'
    typed "$vm professor up $class"
    comes 0 'ALFA             3      3  ALFA.pem'
    typed "$SSH vm 'grep -rl PRIVATE /etc/udpsocket-jwt-server* /var/lib/udpsocket-jwt-server /home /root /tmp; ls /etc/udpsocket-jwt-server/keys_priv'"
    [[ $out == key_secret_for_hmac.txt ]] || { echo 'FAILED: more than the secret is there' >&2; exit 1; }
}

act_binary() {
    title 'Another program, and the one before it again (fault 6)'
    typed "$vm professor binary $dir/newer"
    comes 0 'program: replaced' 'listening on'
    typed "$vm professor binary --back"
    comes 0 'program: replaced' 'listening on'
    typed "$SSH vm 'cat /usr/local/bin/udpsocket-jwt-server' | cmp - $program"
    comes 0
    # What a program for another processor is to this machine.
    { printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0'; tail -c +21 "$program"; } >"$dir/other"
    typed "$vm professor binary $dir/other"
    comes 1 'does not run on Linux x86_64'
    printf '%s\n' '#!/bin/sh' "[ \"\$1\" != --version ] || exit 0" 'echo no use >&2' 'exit 1' >"$dir/useless"
    typed "$vm professor binary $dir/useless"
    comes 1 'no use' 'Put back, and up: /usr/local/bin'
    typed "$vm professor status"
    comes 0 ': active'
}

act_other_kind() {
    title 'A machine of another kind than this one'
    mkdir -p "$dir/uname"
    printf '%s\n' '#!/bin/sh' 'echo Darwin arm64' >"$dir/uname/uname"
    chmod +x "$dir/uname/uname"
    typed "$SSH vm rm /usr/local/bin/udpsocket-jwt-server; PATH=$dir/uname:\$PATH $vm professor up $class"
    comes 1 'this machine Darwin arm64: a program made here does not run there' 'binary FILE'
    typed "$vm professor binary $program"
    comes 0 'program: new' 'listening on'
    typed "PATH=$dir/uname:\$PATH $vm professor up $class"
    comes 0 'program: the one on professor stays'
}

act_owners() {
    title 'Records restored as root (fault 6)'
    typed "$SSH vm 'cd /var/lib/udpsocket-jwt-server/first && cp received.jsonl copy && mv copy received.jsonl && chmod 644 received.jsonl && chown -R root: /etc/udpsocket-jwt-server && systemctl restart udpsocket-jwt-server && ls -l /var/lib/udpsocket-jwt-server/first /etc/udpsocket-jwt-server'"
    comes 0 '-rw------- 1 udpsocket-jwt-server udpsocket-jwt-server'
    typed "$SSH vm 'systemctl is-active udpsocket-jwt-server'"
    comes 0 active
}

act_full_disk() {
    title 'A restart on a full disk (fault 6)'
    local token reply
    token=$(scripts/sign.sh "$class/keys_priv/HEARTBEAT.pem" '{"group":"HEARTBEAT","seq_number":1,"matricula":1001}')
    typed "$SSH vm 'cat /dev/zero >/full; df / | tail -n 1; systemctl restart udpsocket-jwt-server && systemctl is-active udpsocket-jwt-server'"
    comes 0 'No space left on device' ' 0 100% ' active
    exec 3<>"/dev/udp/$server/$udp_port"
    printf '%s' "$token" >&3
    reply=$(timeout 10 dd bs=65536 count=1 <&3 2>/dev/null) || true
    exec 3>&-
    [[ -n $reply ]] || { echo 'FAILED: a repeat is not answered' >&2; exit 1; }
    echo "a repeat is answered: $(scripts/verify.sh "$class/keys_priv/key_secret_for_hmac.txt" "$reply")"
    typed "$SSH vm rm /full"
    comes 0
}

act_failed_start() {
    title 'A start that fails, fails (fault 4)'
    cp -r "$class" "$dir/broken"
    echo '{"ALFA": 3,' >"$dir/broken/groups.json"
    typed "$vm professor up $dir/broken"
    comes 1 'groups.json:' 'Put back, and up: /etc/udpsocket-jwt-server'
    typed "$(client HEARTBEAT 1)"
    comes 0 'everyone is in'
    typed "$SSH vm 'sed -i s/^ADDRESS.*/ADDRESS=192.0.2.1/ /etc/default/udpsocket-jwt-server; systemctl restart udpsocket-jwt-server'"
    comes 1 'failed'
    typed "$vm professor status"
    comes 1 'no interface of this machine has that address'
    typed "$vm professor run first"
    comes 1 'no interface of this machine has that address'
    typed "sleep 100; $SSH vm systemctl --failed --no-legend"
    comes 0 'udpsocket-jwt-server.service loaded failed failed'
    typed "$SSH vm 'systemctl reset-failed udpsocket-jwt-server; systemctl start udpsocket-jwt-server'"
    comes 1 'failed'
    typed "$SSH vm 'sleep 12; ip address add 192.0.2.1/32 dev lo; sleep 12; systemctl is-active udpsocket-jwt-server'"
    comes 0 active
    typed "$SSH vm 'sed -i s/^ADDRESS.*/ADDRESS=::/ /etc/default/udpsocket-jwt-server; systemctl restart udpsocket-jwt-server'"
    comes 0
}

act_unit() {
    title 'The unit: IPv6, exposure, what it says of itself (fault 7)'
    local token
    token=$(scripts/sign.sh "$class/keys_priv/HEARTBEAT.pem" '{"group":"HEARTBEAT","seq_number":1,"matricula":1001}')
    # A host of its own, as far as the network goes, on a cable to the machine.
    on_vm 'ip netns add client; ip link add cable type veth peer name eth0 netns client
        ip address add 2001:db8::1/64 dev cable nodad; ip link set cable up
        ip -n client address add 2001:db8::2/64 dev eth0 nodad; ip -n client link set eth0 up'
    typed "$SSH vm \"ip netns exec client bash -c 'exec 3<>/dev/udp/2001:db8::1/5555; printf %s $token >&3; timeout 10 dd bs=65536 count=1 <&3 2>/dev/null | wc -c'\""
    comes 0
    ((out > 100)) || { echo 'FAILED: no reply over IPv6' >&2; exit 1; }
    typed "$SSH vm 'systemd-analyze security udpsocket-jwt-server | tail -n 1'"
    comes 0 'OK'
    typed "$SSH vm 'systemctl status -n 0 udpsocket-jwt-server'"
    comes 0 'Docs: https'
    typed "$SSH vm 'journalctl -q -o cat -u udpsocket-jwt-server -n 3'"
    comes 0 '[2001:db8::2]:'
}

act_dead_card() {
    title 'A boot with a network card that is dead (fault 7)'
    on_vm poweroff || true
    wait "$machine" || true
    boot '' -netdev hubport,id=dead,hubid=1 -device virtio-net-pci,netdev=dead # nobody else is on that hub
    typed "$SSH vm 'systemctl is-active udpsocket-jwt-server network-online.target; systemctl show -p ActiveEnterTimestampMonotonic udpsocket-jwt-server; networkctl --no-legend'"
    comes 0 'active'
    typed "$(client HEARTBEAT 1)"
    comes 0 'everyone is in'
}

act_ipv4_alone() {
    title 'A machine without IPv6 (fault 7)'
    on_vm poweroff || true
    wait "$machine" || true
    boot ipv6.disable=1
    typed "$vm professor status"
    comes 1 'Address family not supported'
    typed "$vm professor up $class"
    comes 0 'listening on 0.0.0.0:5555'
    on_vm poweroff || true
    wait "$machine" || true
    boot ''
    typed "$SSH vm rm /etc/default/udpsocket-jwt-server; $vm professor up $class"
    comes 0 'listening on [::]:5555'
}

# Plays a group for ever, one number after the other, each in a socket of its own, and writes down what
# was acknowledged.
play() { # GROUP
    local member try reply
    local -a tokens=()
    for member in 0 1 2 3; do
        tokens+=("$(scripts/sign.sh "$class/keys_priv/$1.pem" '{"group":"'"$1"'","seq_number":'$member',"matricula":'$((1000 + member))'}')")
    done
    while true; do
        for member in 0 1 2 3; do
            reply=''
            exec 3<>"/dev/udp/$server/$udp_port"
            for ((try = 0; ${#reply} == 0; try++)); do
                printf '%s' "${tokens[member]}" >&3 2>/dev/null || true
                reply=$(timeout 1 dd bs=65536 count=1 <&3 2>/dev/null) || true
            done
            echo "$member" >>"$dir/acknowledged.$1"
        done
    done
}

# Every group's records are what it has been acknowledged, and at most one more: the one under way.
nothing_lost() {
    local group acknowledged recorded of_all=0
    on_vm cat "/var/lib/udpsocket-jwt-server/$run/received.jsonl" >"$dir/received.jsonl"
    for group in "${players[@]}"; do
        acknowledged=$(<"$dir/acknowledged.$group")
        recorded=$(sed -n 's/.*"group":"'"$group"'","seq_number":\([0-9]*\),.*/\1/p' "$dir/received.jsonl")
        [[ $recorded == "$acknowledged" || ${recorded%$'\n'*} == "$acknowledged" ]] \
            || { echo "FAILED: $group was acknowledged what is not recorded" >&2; exit 1; }
        of_all=$((of_all + $(wc -l <"$dir/acknowledged.$group")))
    done
    echo "$of_all acknowledged so far, each of them recorded"
}

act_power_offs() {
    title 'An upgrade, a restart and power-offs, under load'
    players=(P1 P2 P3 P4 P5 P6)
    make_class "$dir/load" '{"P1": 3, "P2": 3, "P3": 3, "P4": 3, "P5": 3, "P6": 3}' "${players[@]}"
    local class=$dir/load group number=0 run=load
    typed "$vm professor up $class load"
    comes 0 'listening on'
    power_off # seconds after up: what it wrote is on the disk
    boot ''
    typed "$SSH vm 'systemctl start udpsocket-jwt-server && cat /etc/default/udpsocket-jwt-server /etc/udpsocket-jwt-server/groups.json'"
    comes 0 'RUN="load"' '"P1": 3'
    local -a playing
    rm -f "$dir"/acknowledged.*
    start() { playing=(); for group in "${players[@]}"; do play "$group" & playing+=($!); done; }
    halt() { kill "${playing[@]}" 2>/dev/null || true; wait "${playing[@]}" 2>/dev/null || true; }
    start
    sleep 15
    typed "$vm professor binary $dir/newer"
    comes 0 'program: replaced'
    sleep 5
    typed "$SSH vm systemctl restart udpsocket-jwt-server"
    comes 0
    sleep 10
    halt
    nothing_lost
    while ((number++ < ${POWER_OFFS:-10})); do
        rm -f "$dir"/acknowledged.*
        run=load$number
        typed "$vm professor run $run"
        start
        sleep $((5 + number))
        power_off
        halt
        printf '\npower-off %s: ' "$number"
        boot ''
        nothing_lost
        # start waits for the one under way, and that must be the first of this boot.
        [[ $(on_vm 'systemctl start udpsocket-jwt-server && systemctl show -P NRestarts udpsocket-jwt-server') == 0 ]] \
            || { echo 'FAILED: the server did not come up at once' >&2; exit 1; }
    done
}

act_next_term() {
    title 'The last lecture, and the next term (faults 1 and 3)'
    local begun=$SECONDS
    typed "$vm professor up $class first"
    comes 0 'goes on from its'
    typed "$vm professor report --csv >$dir/grades.csv; cat $dir/grades.csv"
    comes 0 'ALFA,3,1003,' 'complete'
    echo "(the report: 1 command; with the return to the run $((SECONDS - begun)) s)"
    make_class "$dir/next" '{"DELTA": 2, "HEARTBEAT": 1}' DELTA HEARTBEAT
    typed "$vm professor up $dir/next 2027-1"
    comes 0 'class: replaced' 'DELTA            2      0  DELTA.pem'
    comes_not ALFA.pem$'\n'
    typed "$SSH vm ls -A /etc/udpsocket-jwt-server /etc/udpsocket-jwt-server/keys_pub"
    comes_not ALFA
    typed "$(client DELTA 2 "$dir/next")"
    comes 0 'everyone is in'
    typed "$vm professor report"
    comes 0 'DELTA       [##]  done'
    typed "$vm professor report --csv first # the class of then is no longer there"
    comes 1 '3 records of groups not in the table'
}

[[ -x $program ]] || { echo "$program: cargo build --release makes it" >&2; exit 1; }
make_machine
rm -rf "$class" "$dir"/{gama,wrong,slip,broken,load,next}
make_class "$class" '{"ALFA": 3, "BETA": [1001, 1002, 1003, 1004], "HEARTBEAT": 1}' ALFA BETA HEARTBEAT
# A byte behind the end of an ELF file makes it another file, and the same program.
{ cat "$program"; echo; } >"$dir/newer"
cp --sparse=always "$dir/bare.raw" "$dir/disk.raw"
boot ''
on_vm 'cat /etc/debian_version; systemctl --version | head -n 1; uname -r; cat /proc/1/comm'
acts=(first_day levels elsewhere keys binary other_kind owners full_disk failed_start unit dead_card ipv4_alone power_offs next_term)
[[ $# -eq 0 ]] || acts=("$@")
for act in "${acts[@]}"; do "act_$act"; done
printf '\nEverything came as it must.\n'
