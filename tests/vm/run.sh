#!/usr/bin/env bash
set -euo pipefail
# A term on a machine of its own, from the bare Debian to the grades, with all that may go wrong in it.

usage() {
    cat <<'TEXT'
usage: tests/vm/run.sh SUITE DIR [ACT ...]

Makes a bare Debian (SUITE: bookworm, trixie) in DIR, boots it in qemu and plays the acts, each shown as
it was typed with what came. Needs Debian's packages
qemu-system-x86, mmdebstrap, openssh-client, e2fsprogs, socat, python3 and cargo build --release; forwards
ssh and UDP port 5555 of the machine to free ports of 127.0.0.1. ACT: some of the acts only (default: all,
in order).

From the environment: KIND, the machine's processor (default amd64; arm64 needs qemu-system-arm, and for
mmdebstrap qemu-user-static and binfmt-support); ACCEL, qemu's accelerator (default tcg: it needs no
/dev/kvm); PROGRAM, the server for it (default target/release/udpsocket-jwt-server); POWER_OFFS under load (default 10); MOMENTS of a power-off
within each act (default 40), and BOOTED, so many of them all (default 10); CUTS of each kind (default 20).
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
class=$dir/class
export PROGRAM=${PROGRAM:-$PWD/target/release/udpsocket-jwt-server}
program=$PROGRAM
server=127.0.0.1
kind=${KIND:-amd64}
case $kind in
    amd64) qemu=(qemu-system-x86_64 -cpu max) console=ttyS0 ;;
    arm64) qemu=(qemu-system-aarch64 -machine virt -cpu cortex-a72) console=ttyAMA0 ;;
    *) usage >&2; exit 2 ;;
esac

# --- the machine -----------------------------------------------------------------------------------

make_machine() {
    [[ ! -e $dir/bare.raw ]] || return 0
    ssh-keygen -q -t ed25519 -N '' -f "$dir/id"
    # What a provider's image has: ssh, sudo, a user with it. No Rust, no tool of ours.
    # shellcheck disable=SC2016
    mmdebstrap --quiet --architectures="$kind" --variant=minbase --format=null \
        --include=systemd-sysv,linux-image-cloud-"$kind",openssh-server,sudo,dbus,udev,iproute2 \
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
  ConnectTimeout 60
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
# cache.direct: what the machine has flushed is in the file, and no cache of this machine's is between.
# Every write and flush is logged, too.
boot() { # KERNEL-OPTIONS [MORE OF QEMU'S]
    local disk=$dir/disk.raw
    rm -f "$dir/log"
    truncate -s 4G "$dir/log"
    "${qemu[@]}" -accel "${ACCEL:-tcg}" -m 512 -display none -monitor "unix:$dir/monitor,server,nowait" \
        -serial "file:$dir/console.log" -kernel "$dir/vmlinuz" -initrd "$dir/initrd.img" \
        -append "root=/dev/vda rw console=$console net.ifnames=0 no_timer_check $1" \
        -blockdev "driver=raw,node-name=disk,cache.direct=on,file.driver=file,file.filename=$disk" \
        -blockdev "driver=raw,node-name=log,file.driver=file,file.filename=$dir/log" \
        -blockdev driver=blklogwrites,node-name=logged,file=disk,log=log -device virtio-blk-pci,drive=logged \
        -nic "user,id=net,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:$ssh_port-:22,hostfwd=udp:127.0.0.1:$udp_port-:5555" \
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
timed() { # COMMAND
    local begun=$SECONDS
    typed "$1"
    echo "($((SECONDS - begun)) s, the machine emulated)"
}
comes_not() { [[ $out != *"$1"* ]] || { echo "FAILED: \"$1\" came" >&2; exit 1; }; }

vm=scripts/vm.sh home=/opt/udpsocket-jwt-server
client() { # GROUP MEMBERS [CLASS]
    echo "scripts/client.sh $server $udp_port $1 $2 ${3:-$class}/keys_priv/$1.pem ${3:-$class}/keys_priv/key_secret_for_hmac.txt"
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
    timed "$vm professor up $class"
    comes 0 'release 1: run first' 'listening on [::]:5555'
    typed "$(client HEARTBEAT 1)"
    comes 0 'everyone is in'
    typed "$vm professor up $class"
    comes 0 'nothing has changed'
    typed "$vm professor status"
    comes 0 'active, enabled, release 1' "serves: $home/1/udpsocket-jwt-server" 'listening on'
    title 'sudo with a password, asked for here'
    typed "script -qec '$vm careful status' /dev/null < <(sleep 15; echo secret; sleep 30)"
    comes 0 'active, enabled'
    typed "setsid -w $vm careful status </dev/null"
    comes 1 'wants a password'
    title 'A login shell that prints, and what sudo writes down'
    on_vm 'sed -i "1i echo hello from .bashrc" /home/professor/.bashrc'
    typed "$SSH professor true; $vm professor report --csv 2>&1"
    comes_not 'systemd'
    out=${out#hello from .bashrc$'\n'}
    comes 0
    [[ $out == group,seq_number,* ]] || { echo 'FAILED: something is before the table' >&2; exit 1; }
    on_vm 'sed -i 1d /home/professor/.bashrc'
    typed "$SSH vm 'journalctl -q -o cat _COMM=sudo | wc -L'"
    comes 0
    ((out < 300)) || { echo "FAILED: a line of sudo's has $out characters" >&2; exit 1; }
}

act_levels() {
    title 'A level is a run: nothing is moved, and it begins at 0'
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    timed "$vm professor run level3 --lose 30"
    comes 0 'ALFA             3      0' '--lose'
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    typed "$vm professor run level4 --trial"
    comes 0 'clients are examined'
    typed "TIMEOUT=0.5 $(client HEARTBEAT 1)"
    comes 0 'everyone is in'
    typed "$vm professor report level4"
    comes 0 ' to come: run it again'
    typed "$vm professor report --group HEARTBEAT level4"
    comes 0 'rule 1 payload: ' 'next_number 0, otp_number '
    typed "$vm professor run first"
    comes 0 'run first, with 4 records' 'ALFA             3      3'
    timed "$vm professor report --csv level3"
    comes 0 'ALFA,3,1003,'
    typed "$vm professor run level5 --loose 30"
    comes 1 'there is no option "--loose" here' 'Nothing has changed'
    typed "$vm professor run level5 --no-sync"
    comes 2 '--no-sync is for benchmarks'
    typed "$vm professor status"
    comes 0 'run first' 'active'
    typed "$vm professor report level9"
    comes 1 'there is no run level9; there are: first level3 level4'
}

act_keys() {
    title 'A key more, and keys that are none'
    make_class "$dir/gama" '{"GAMA": 2}' GAMA
    typed "$vm professor key $dir/gama/keys_pub/GAMA.pem"
    comes 1 'its name is that of no group in the table' 'Nothing has changed'
    typed "$SSH vm 'ls $home/current/class/keys_pub'"
    comes_not GAMA
    echo '{"ALFA": 3, "BETA": [1001, 1002, 1003, 1004], "HEARTBEAT": 1, "GAMA": 2}' >"$class/groups.json"
    typed "$vm professor up $class"
    comes 0 'GAMA             2      0  no usable key'
    timed "$vm professor key $dir/gama/keys_pub/GAMA.pem"
    comes 0 'GAMA             2      0  GAMA.pem'
    cp "$dir/gama/keys_pub/GAMA.pem" "$class/keys_pub/"
    mkdir -p "$dir/wrong"
    cp "$class/keys_priv/BETA.pem" "$dir/wrong/BETA.pem"
    typed "$vm professor key $dir/wrong/BETA.pem"
    comes 1 'a private key is in it'
    title 'Private keys in keys_pub: as PEM, PuTTY, DER, UTF-16'
    cp -r "$class" "$dir/slip"
    cp "$class/keys_priv/ALFA.pem" "$dir/slip/keys_pub/ALFA.pem"
    printf '%s\n' 'PuTTY-User-Key-File-3: ssh-rsa' 'Private-Lines: 1' 'SECRETSECRET' >"$dir/slip/keys_pub/BETA.ppk"
    openssl rsa -in "$class/keys_priv/BETA.pem" -outform DER -out "$dir/slip/keys_pub/DER.pem" 2>/dev/null
    sed 's/./&\x0/g' "$class/keys_priv/BETA.pem" >"$dir/slip/keys_pub/UTF16.pem"
    typed "$vm professor up $dir/slip"
    comes 0 'keys_pub/ALFA.pem: not copied' 'BETA.ppk: not copied' 'DER.pem: not copied' 'UTF16.pem: not copied' \
        'no usable key: not served'
    typed "$vm professor up $class"
    comes 0 'ALFA             3      3  ALFA.pem'
    typed "$SSH vm 'find $home /var/lib/udpsocket-jwt-server /home /root /tmp /dev/shm -path \"*key*\" -type f ! -name authorized_keys -printf \"%f\\n\" | sort -u'"
    [[ ${out//$'\n'/ } == 'ALFA.pem BETA.pem GAMA.pem HEARTBEAT.pem key_secret_for_hmac.txt' ]] \
        || { echo 'FAILED: more than the public keys and the secret is there' >&2; exit 1; }
    typed "$SSH vm '! grep -rlaE PRIVATE\|PuTTY $home/*/class /var/lib/udpsocket-jwt-server'"
    comes 0
}

act_binary() {
    title 'Another program, and what was before it again'
    timed "$vm professor binary $dir/newer"
    comes 0 'listening on'
    typed "$vm professor back"
    comes 0 'listening on'
    typed "$SSH vm 'cat $home/current/udpsocket-jwt-server' | cmp - $program"
    comes 0
    # What a program for another processor is to this machine.
    { printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0'; tail -c +21 "$program"; } >"$dir/other"
    typed "$vm professor binary $dir/other"
    comes 1 'does not run on Linux x86_64'
    printf '%s\n' '#!/bin/sh' "[ \"\$1\" != --version ] || exit 0" 'echo no use >&2' 'exit 1' >"$dir/useless"
    typed "$vm professor binary $dir/useless"
    comes 1 'no use' 'Nothing has changed'
    title 'One that starts where it is tried, and not where it is to serve'
    printf '%s\n' '#!/bin/sh' 'case "$*" in --version) ;; *5555) echo no use >&2; exit 1 ;; *) echo "listening on a port"; sleep 9 ;; esac' >"$dir/useless"
    typed "$vm professor binary $dir/useless"
    comes 1 'no use' 'Put back, and up: release'
    typed "$vm professor status"
    comes 0 'active, enabled'
}

act_other_kind() {
    title 'A machine of another kind than this one'
    mkdir -p "$dir/uname"
    printf '%s\n' '#!/bin/sh' 'echo Darwin arm64' >"$dir/uname/uname"
    chmod +x "$dir/uname/uname"
    typed "PROGRAM='' PATH=$dir/uname:\$PATH $vm professor up $class"
    comes 0 'program: the one on professor stays' 'nothing has changed'
    on_vm "systemctl -q disable --now udpsocket-jwt-server; mv $home $home.away; rm /etc/systemd/system/udpsocket-jwt-server.service"
    typed "PROGRAM='' PATH=$dir/uname:\$PATH $vm professor up $class"
    comes 1 'this machine Darwin arm64: a program made here does not run there' 'PROGRAM=FILE'
    typed "PATH=$dir/uname:\$PATH $vm professor up $class"
    comes 0 'release 1: run first' 'listening on'
}

act_owners() {
    title 'Records restored as root'
    typed "$SSH vm 'cd /var/lib/udpsocket-jwt-server/first && cp received.jsonl copy && mv copy received.jsonl && chmod 644 received.jsonl && chown -R root: $home/current/class && systemctl restart udpsocket-jwt-server && ls -l /var/lib/udpsocket-jwt-server/first $home/current/class'"
    comes 0 '-rw------- 1 udpsocket-jwt-server udpsocket-jwt-server'
    typed "$SSH vm 'systemctl is-active udpsocket-jwt-server'"
    comes 0 active
}

act_full_disk() {
    title 'A full disk: a restart, what is read, and an act'
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
    typed "$vm professor report --csv"
    comes 0 'HEARTBEAT,1,1001,'
    typed "$vm professor binary $dir/newer"
    comes 1 'No space left on device'
    typed "$SSH vm 'ls -A $home /etc/systemd/system | grep -c new'"
    [[ $out == 0 ]] || { echo 'FAILED: a part is left' >&2; exit 1; }
    typed "$vm professor status"
    comes 0 'active, enabled'
    typed "cd $dir && rm -rf first && $OLDPWD/$vm professor fetch first && rm -r first"
    comes 0 'first: here'
    typed "$SSH vm rm /full"
    comes 0
}

act_failed_start() {
    title 'A start that fails, fails; and a class that is broken stops nobody'
    local before
    before=$(on_vm systemctl show -P MainPID udpsocket-jwt-server)
    rm -rf "$dir/broken"
    cp -r "$class" "$dir/broken"
    echo '{"ALFA": 3,' >"$dir/broken/groups.json"
    typed "$vm professor up $dir/broken"
    comes 1 'groups.json:' 'Nothing has changed'
    [[ $(on_vm systemctl show -P MainPID udpsocket-jwt-server) == "$before" ]] || { echo 'FAILED: it was restarted' >&2; exit 1; }
    typed "$SSH vm 'sed -i s/^ADDRESS.*/ADDRESS=192.0.2.1/ $home/current/settings; systemctl restart udpsocket-jwt-server'"
    comes 1 'failed'
    typed "$vm professor status"
    comes 1 'no interface of this machine has that address' 'the server is not up'
    typed "$vm professor run first"
    comes 1 'no interface of this machine has that address'
    # Ten starts: 50 s and what they take. Where one takes over 7 s, they are never ten in 120 s.
    typed "$SSH vm 'for second in {1..300}; do ! systemctl is-failed -q udpsocket-jwt-server || break; sleep 1; done; systemctl --failed --no-legend'"
    comes 0 'udpsocket-jwt-server.service loaded failed failed'
    typed "$SSH vm 'systemctl reset-failed udpsocket-jwt-server; systemctl start udpsocket-jwt-server'"
    comes 1 'failed'
    typed "$SSH vm 'sleep 12; ip address add 192.0.2.1/32 dev lo; sleep 12; systemctl is-active udpsocket-jwt-server'"
    comes 0 active
    typed "$SSH vm 'sed -i s/^ADDRESS.*/ADDRESS=::/ $home/current/settings; systemctl restart udpsocket-jwt-server'"
    comes 0
    title 'The port is taken'
    typed "$SSH vm 'systemctl stop udpsocket-jwt-server; systemd-run -q --unit=other $home/current/udpsocket-jwt-server --keys $home/current/class --logs /run :: 5555; sleep 1'; $vm professor up $class"
    comes 1 "UDP port 5555 is another program's" 'pid=' 'Stop it; nothing has changed'
    typed "$SSH vm systemctl stop other; $vm professor up $class"
    comes 0 'listening on'
}

act_what_is_served() {
    title 'A unit that is disabled, changed by a drop-in, or behind a release'
    typed "$SSH vm systemctl disable udpsocket-jwt-server; $vm professor status"
    comes 1 'it is not enabled'
    typed "$vm professor up $class"
    comes 0 'nothing has changed'
    typed "$vm professor status"
    comes 0 'active, enabled'
    local dropin=/etc/systemd/system/udpsocket-jwt-server.service.d
    typed "$SSH vm 'mkdir -p $dropin; printf \"%s\\n\" [Service] ExecStart= \"ExecStart=$home/current/udpsocket-jwt-server --keys $home/current/class --logs /var/lib/udpsocket-jwt-server :: 5555\" >$dropin/old.conf; systemctl daemon-reload'; $vm professor status"
    comes 1 'drop-in: ' 'the unit starts something else'
    typed "$vm professor run elsewhere"
    comes 1 'the unit starts something else' "remove $dropin/old.conf" 'Nothing has changed'
    typed "$SSH vm 'systemctl restart udpsocket-jwt-server'; $vm professor status"
    comes 1 'what is served is not what the release says'
    typed "$SSH vm rm -r $dropin; $vm professor up $class"
    comes 0 'listening on'
    typed "$vm professor status"
    comes 0 'active, enabled'
    # As kill -9 leaves it between the rename and the restart.
    typed "$SSH vm 'cd $home && cp -a current/. 900 && sed -i s/^RUN=.*/RUN=level7/ 900/settings && ln -sfn 900 current'; $vm professor status"
    comes 1 'release 900 waits'
    typed "$vm professor report | sed -n 1p"
    comes 0 ' record'
    typed "$vm professor run level7"
    comes 0 'listening on'
    typed "$vm professor run first"
    comes 0 'listening on'
    typed "$vm professor status"
    comes 0 'active, enabled'
}

act_earlier() {
    title "A machine that an earlier vm.sh has set up goes on where it was"
    git archive "${EARLIER:-eee3ea1}" scripts | tar -xf - -C "$dir"
    mkdir -p "$dir/target/release"
    cp "$program" "$dir/target/release/udpsocket-jwt-server"
    on_vm "systemctl -q disable --now udpsocket-jwt-server; rm -rf $home* /etc/systemd/system/udpsocket-jwt-server.service; mv /var/lib/udpsocket-jwt-server /var/lib/before; mkdir -m 700 /var/lib/udpsocket-jwt-server"
    typed "$dir/scripts/vm.sh professor up $class level1 --explain"
    comes 0 'listening on'
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    typed "$vm professor status"
    comes 1 'an earlier vm.sh has served this machine'
    typed "$vm professor up $dir/next"
    comes 1 'run level1 has records of groups that this class does not have: ALFA'
    typed "$vm professor up $class"
    comes 0 'no longer read' 'run level1, --explain, with 3 records' 'ALFA             3      3' 'listening on'
    typed "$vm professor status"
    comes 0 'active, enabled'
    typed "$vm professor up $dir/next 2027-1"
    comes 0 'DELTA            2      0'
    typed "$vm professor report --csv level1"
    comes 0 'ALFA,3,1003,'
    on_vm 'systemctl stop udpsocket-jwt-server; rm -rf /var/lib/udpsocket-jwt-server; mv /var/lib/before /var/lib/udpsocket-jwt-server; rm -rf /etc/udpsocket-jwt-server* /etc/default/udpsocket-jwt-server /usr/local/bin/udpsocket-jwt-server'
    typed "$vm professor up $class first"
    comes 0 'listening on'
}

act_unit() {
    title 'The unit: IPv6, exposure, what it says of itself'
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
    title 'A boot with a network card that is dead'
    on_vm poweroff || true
    wait "$machine" || true
    boot '' -netdev hubport,id=dead,hubid=1 -device virtio-net-pci,netdev=dead # nobody else is on that hub
    typed "$SSH vm 'systemctl is-active udpsocket-jwt-server network-online.target; systemctl show -p ActiveEnterTimestampMonotonic udpsocket-jwt-server; networkctl --no-legend'"
    comes 0 'active'
    typed "$(client HEARTBEAT 1)"
    comes 0 'everyone is in'
}

act_ipv4_alone() {
    title 'A machine without IPv6'
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
    typed "$SSH vm sed -i s/^ADDRESS.*/ADDRESS=::/ $home/current/settings; $vm professor up $class"
    comes 0 'listening on [::]:5555'
}

# --- cut off ---------------------------------------------------------------------------------------

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
    local group acknowledged recorded before of_all=0
    on_vm cat "/var/lib/udpsocket-jwt-server/$run/received.jsonl" >"$dir/received.jsonl"
    for group in "${players[@]}"; do
        acknowledged=$(<"$dir/acknowledged.$group")
        recorded=$(sed -n 's/.*"group":"'"$group"'","seq_number":\([0-9]*\),.*/\1/p' "$dir/received.jsonl")
        before=$(sed '$d' <<<"$recorded")
        [[ $recorded == "$acknowledged" || $before == "$acknowledged" ]] \
            || { echo "FAILED: $group was acknowledged what is not recorded" >&2; exit 1; }
        of_all=$((of_all + $(wc -l <"$dir/acknowledged.$group")))
    done
    echo "$of_all acknowledged so far, each of them recorded"
}

monitor() { printf '%s\n' "$1" | socat - "UNIX-CONNECT:$dir/monitor" >/dev/null; }
writes() { tests/vm/power_off.py "$dir/log" "$@"; }

# What a disk would serve after a boot: the sum of all of it, "nothing" or, with a word why, "broken".
holds() { # IMAGE
    local tree=$dir/tree file layout=opt/udpsocket-jwt-server/current/
    local unit=$tree/etc/systemd/system/udpsocket-jwt-server.service
    # The journal is played, as a boot would; and that is undone afterwards.
    rm -f "$dir/undo"
    e2fsck -p -z "$dir/undo" "$1" >/dev/null 2>&1 || (($? == 1)) || { echo broken: the file system; return; }
    rm -rf "$tree"
    mkdir -p "$tree/etc" "$tree/usr/local" "$tree/var/lib"
    debugfs -R "rdump /opt $tree" "$1" 2>/dev/null
    debugfs -R "rdump /etc/systemd /etc/default /etc/udpsocket-jwt-server $tree/etc" "$1" 2>/dev/null
    debugfs -R "rdump /usr/local/bin $tree/usr/local" "$1" 2>/dev/null
    debugfs -R "rdump /var/lib/udpsocket-jwt-server $tree/var/lib" "$1" 2>/dev/null
    [[ ! -s $dir/undo ]] || e2undo "$dir/undo" "$1" >/dev/null 2>&1 || { echo broken: not undone; return; }
    for file in "$dir"/kept/*; do
        [[ -e $file ]] || continue
        cmp -s -n "$(wc -c <"$file")" "$file" "$tree/var/lib/udpsocket-jwt-server/${file##*/}/received.jsonl" \
            || { echo "broken: the records of ${file##*/}"; return; }
    done
    [[ -e $unit ]] || { echo nothing; return; }
    [[ -L ${unit%/*}/multi-user.target.wants/${unit##*/} ]] || { echo 'broken: not enabled'; return; }
    if cmp -s scripts/udpsocket-jwt-server.service "$unit"; then
        [[ -d $tree/$layout ]] || { echo 'broken: no current'; return; }
    else
        layout='etc/default etc/udpsocket-jwt-server etc/systemd/system usr/local/bin'
    fi
    # A unit that is being made, *.service.new, starts nothing.
    # shellcheck disable=SC2086
    (cd "$tree" && find $layout -type f ! -name before ! -name '*.new' -printf '%p %m\n' -exec sha256sum {} + \
        | LC_ALL=C sort | sha256sum | cut -c 1-12)
}

# An act, and what a power-off at MOMENTS spread over its writes leaves: with every write that was made, and
# with those alone that the machine had flushed. Keeps the disks next to the change, to be booted.
moments() { # COMMAND WHAT-COMES
    local first last old latest what kind number at played
    local -A count=()
    rm -rf "$dir/kept" "$dir/kept.moments"
    mkdir "$dir/kept"
    for run in $(on_vm 'cd /var/lib/udpsocket-jwt-server 2>/dev/null && ls -d */received.jsonl || true'); do
        on_vm cat "/var/lib/udpsocket-jwt-server/$run" >"$dir/kept/${run%/*}"
    done
    on_vm sync
    monitor stop
    first=$(writes)
    cp --sparse=always "$dir/disk.raw" "$dir/base.raw"
    monitor cont
    timed "$1"
    comes 0 "$2"
    monitor stop
    last=$(writes)
    cp --sparse=always "$dir/disk.raw" "$dir/cut.raw"
    monitor cont
    latest=$(holds "$dir/cut.raw")
    cp --sparse=always "$dir/base.raw" "$dir/cut.raw"
    old=$(holds "$dir/cut.raw")
    [[ $old != broken* && $latest != broken* && $latest != nothing && $old != "$latest" ]] \
        || { echo "FAILED: before $old, after $latest" >&2; exit 1; }
    for kind in written flushed; do
        count=([old]=0 [new]=0) played=$first
        cp --sparse=always "$dir/base.raw" "$dir/cut.raw"
        for ((number = 1; number <= ${MOMENTS:-40}; number++)); do
            at=$((first + (last - first) * number / ${MOMENTS:-40}))
            played=$(writes "$dir/cut.raw" "$played" "$at" "$kind")
            what=$(holds "$dir/cut.raw")
            case $what in
                "$old") what=old ;;
                "$latest") what=new ;;
                *) echo "FAILED: a power-off at write $at of $first to $last, $kind, leaves: $what" >&2; exit 1 ;;
            esac
            if ((count[new] > 0)) && [[ $what == old ]]; then echo 'FAILED: old after new' >&2; exit 1; fi
            count[$what]=$((count[$what] + 1))
            # The last that is old, and the first that is new.
            [[ $kind == written ]] || echo "$what $first $played" >>"$dir/kept.moments"
        done
        if [[ $kind == flushed ]]; then
            for what in old new; do
                read -r _ first played < <(if [[ $what == old ]]; then tac "$dir/kept.moments"; else cat "$dir/kept.moments"; fi | grep "^$what")
                cp --sparse=always "$dir/base.raw" "$dir/boot.$acts_cut.$what.raw"
                writes "$dir/boot.$acts_cut.$what.raw" "$first" "$played" written >/dev/null
            done
        fi
        echo "power-offs within it, $kind: ${MOMENTS:-40}, of them ${count[old]} leave what was before, ${count[new]} the new, none another ($((last - first)) writes)"
    done
    acts_cut=$((acts_cut + 1))
}

act_moments() {
    title 'Power-offs within each act: the disk holds the old release or the new one, whole'
    local acts_cut=0 image booted=0
    power_off
    rm -f "$dir"/boot.*.raw
    cp --sparse=always "$dir/bare.raw" "$dir/disk.raw"
    boot ''
    cp -r "$class" "$dir/before"
    echo '{"ALFA": 3, "BETA": 4, "HEARTBEAT": 1}' >"$dir/before/groups.json"
    git archive "${EARLIER:-eee3ea1}" scripts | tar -xf - -C "$dir"
    mkdir -p "$dir/target/release"
    cp "$program" "$dir/target/release/udpsocket-jwt-server"
    moments "$vm professor up $dir/before" 'listening on'
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    moments "$vm professor up $class" 'listening on'
    moments "$vm professor run level3 --lose 30" 'listening on'
    scripts/keygen.sh BETA "$dir/rekeyed" >/dev/null
    moments "$vm professor key $dir/rekeyed/keys_pub/BETA.pem" 'listening on'
    moments "$vm professor binary $dir/newer" 'listening on'
    moments "$vm professor back 2" 'listening on'
    power_off
    cp --sparse=always "$dir/bare.raw" "$dir/disk.raw"
    boot ''
    typed "$dir/scripts/vm.sh professor up $class level1"
    comes 0 'listening on'
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    moments "$vm professor run level2 # the first act after an earlier vm.sh's" 'listening on'
    title 'Some of these disks, booted'
    for image in "$dir"/boot.*.raw; do
        ((booted++ < ${BOOTED:-10})) || break
        power_off
        mv "$image" "$dir/disk.raw"
        boot ''
        if on_vm test -e /etc/systemd/system/udpsocket-jwt-server.service; then
            # start waits for the one under way, and that must be the first of this boot.
            [[ $(on_vm 'systemctl start udpsocket-jwt-server && systemctl show -P NRestarts udpsocket-jwt-server') == 0 ]] \
                || { echo 'FAILED: the server did not come up at once' >&2; exit 1; }
            # shellcheck disable=SC2016
            out=$(on_vm 'systemctl is-enabled udpsocket-jwt-server; cat /proc/$(systemctl show -P MainPID udpsocket-jwt-server)/cmdline | tr "\0" " "')
            echo "${image##*/}: ${out//$'\n'/, }"
            TIMEOUT=3 eval "$(client HEARTBEAT 1)" | tail -n 1
        else
            echo "${image##*/}: nothing yet"
        fi
        typed "$vm professor run afterwards || $vm professor up $class afterwards"
        comes 0 'listening on'
        typed "$vm professor status | sed -n 1,2p"
        comes 0 'active, enabled'
    done
    rm -f "$dir"/boot.*.raw
}

# An act that is cut off at moments spread over it.
cuts() { # NAME, what the runs are called; HOW, a command
    local number begun spent process served=${1}0
    local -A count=([old]=0 [new]=0)
    typed "$vm professor up $class first"
    comes 0
    begun=$(date +%s%N)
    typed "$vm professor run $served"
    comes 0 'listening on'
    spent=$((($(date +%s%N) - begun) / 1000000))
    for ((number = 1; number <= ${CUTS:-20}; number++)); do
        # In a process group of its own that a SIGINT ends, as a terminal would have it.
        setsid -w env --default-signal=INT "$vm" professor run "$1$number" >"$dir/cut.out" 2>&1 &
        process=$!
        sleep "$((spent * number / ${CUTS:-20} / 1000)).$(printf %03d $((spent * number / ${CUTS:-20} % 1000)))"
        "$2" "$process" || true # it may have ended
        status=0
        wait "$process" || status=$?
        monitor 'set_link net on'
        on_vm flock /opt/udpsocket-jwt-server/lock true # it may still be at work
        out=$("$vm" vm status 2>&1) || { printf '%s\n' "$out" >&2; cat "$dir/cut.out" >&2; echo FAILED >&2; exit 1; }
        case $out in
            *"/$1$number ::"*) served=$1$number count[new]=$((count[new] + 1)) ;;
            *"/$served ::"*) ((status != 0)) && count[old]=$((count[old] + 1)) ;;
            *) printf '%s\n' "$out" >&2; echo FAILED >&2; exit 1 ;;
        esac
    done
    echo "${CUTS:-20} times, of them ${count[old]} leave what was before, ${count[new]} the new, none another; status 0 after each"
}
ctrl_c() { kill -INT -- "-$1" 2>/dev/null; }
cable_out() { monitor 'set_link net off'; }

act_ctrl_c() {
    title 'Ctrl-C in an act'
    cuts ctrl_c ctrl_c
}

act_lost_connection() {
    title 'A connection that is lost in an act'
    cuts lost cable_out
}

act_two_at_once() {
    title 'Two acts at once'
    local number process
    typed "$vm professor up $class first"
    comes 0
    for ((number = 1; number <= 5; number++)); do
        $vm professor run "one$number" >"$dir/one.out" 2>&1 &
        process=$!
        typed "$vm professor up $class two$number"
        comes 0 'listening on'
        status=0
        wait "$process" || status=$?
        cat "$dir/one.out"
        ((status == 0)) || { echo FAILED >&2; exit 1; }
        typed "$vm professor status | grep -E 'active|serves'"
        comes 0 'active, enabled'
    done
}

act_power_offs() {
    title 'An upgrade, a restart and power-offs within an act, under load'
    players=(P1 P2 P3 P4 P5 P6)
    make_class "$dir/load" '{"P1": 3, "P2": 3, "P3": 3, "P4": 3, "P5": 3, "P6": 3}' "${players[@]}"
    local class=$dir/load group number=0 run=load spent
    typed "$vm professor up $class load"
    comes 0 'listening on'
    local -a playing
    start() { # and waits until they are all under way
        playing=()
        for group in "${players[@]}"; do
            : >"$dir/acknowledged.$group"
            play "$group" &
            playing+=($!)
        done
        for group in "${players[@]}"; do until [[ -s $dir/acknowledged.$group ]]; do sleep 1; done; done
    }
    halt() { kill "${playing[@]}" 2>/dev/null || true; wait "${playing[@]}" 2>/dev/null || true; }
    start
    spent=$SECONDS
    typed "$vm professor binary $dir/newer"
    comes 0 'listening on'
    spent=$((SECONDS - spent))
    sleep 5
    typed "$SSH vm systemctl restart udpsocket-jwt-server"
    comes 0
    sleep 10
    halt
    nothing_lost
    while ((number++ < ${POWER_OFFS:-10})); do
        run=load$number
        typed "$vm professor run $run"
        comes 0 'listening on'
        start
        $vm professor binary "$([[ $((number % 2)) == 1 ]] && echo "$program" || echo "$dir/newer")" >"$dir/cut.out" 2>&1 &
        sleep $((spent * number / ${POWER_OFFS:-10}))
        power_off
        halt
        printf '\npower-off %s, %s s after the act began: ' "$number" $((spent * number / ${POWER_OFFS:-10}))
        boot ''
        nothing_lost
        # start waits for the one under way, and that must be the first of this boot.
        [[ $(on_vm 'systemctl start udpsocket-jwt-server && systemctl show -P NRestarts udpsocket-jwt-server') == 0 ]] \
            || { echo 'FAILED: the server did not come up at once' >&2; exit 1; }
        typed "$vm professor status | grep -E 'active|serves'"
        comes 0 'active, enabled'
    done
}

act_next_term() {
    title 'The last lecture, and the next term'
    typed "$vm professor up $class first"
    comes 0 'run first, with '
    typed "$(client ALFA 3)"
    comes 0 'everyone is in'
    timed "$vm professor report --csv >$dir/grades.csv; cat $dir/grades.csv"
    comes 0 'ALFA,3,1003,' 'complete'
    make_class "$dir/next" '{"DELTA": 2, "HEARTBEAT": 1}' DELTA HEARTBEAT
    typed "$vm professor up $dir/next"
    comes 1 'run first has records of groups that this class does not have: ALFA' "up $dir/next NAME"
    timed "$vm professor up $dir/next 2027-1"
    comes 0 'DELTA            2      0  DELTA.pem'
    comes_not ALFA.pem$'\n'
    typed "$SSH vm ls -A $home/current/class $home/current/class/keys_pub"
    comes_not ALFA
    typed "$(client DELTA 2 "$dir/next")"
    comes 0 'everyone is in'
    typed "$vm professor report"
    comes 0 'DELTA       [##]  done'
    typed "$vm professor run first"
    comes 1 'run first has records of groups that this class does not have: ALFA' 'bring its class: up CLASS first'
    typed "$vm professor report --csv first # with the class of then"
    comes 0 'ALFA,3,1003,'
    title 'Before the VM is deleted'
    local here=$PWD
    rm -rf "$dir/fetched"
    mkdir "$dir/fetched"
    timed "cd $dir/fetched && $here/$vm professor fetch first"
    comes 0 'with the class that it was played by'
    typed "$program report --csv --keys $dir/fetched/first/class --logs $dir/fetched/first | tr -d '\r' | cmp - <(tr -d '\r' <$dir/grades.csv)"
    comes 0
    typed "cd $dir/fetched && $here/$vm professor fetch first"
    comes 1 'it is here already'
    typed "cd $dir/fetched && $here/$vm professor fetch 2027-1 && $here/$vm professor remove 2027-1"
    comes 1 'run 2027-1 is served: it stays'
    typed "$SSH vm 'echo more >>/var/lib/udpsocket-jwt-server/first/requests.jsonl'; cd $dir/fetched && $here/$vm professor remove first"
    comes 1 'it stays'
    typed "cd $dir/fetched && rm -r first && $here/$vm professor fetch first && $here/$vm professor remove first"
    comes 0 'removed there'
    typed "$SSH vm 'ls -A /var/lib/udpsocket-jwt-server'"
    comes 0 2027-1
    comes_not first
}

[[ -x $program ]] || { echo "$program: cargo build --release makes it" >&2; exit 1; }
make_machine
rm -rf "$class" "$dir"/{gama,wrong,slip,broken,load,next,before,rekeyed,scripts,target,fetched,kept} "$dir"/*.jsonl
make_class "$class" '{"ALFA": 3, "BETA": [1001, 1002, 1003, 1004], "HEARTBEAT": 1}' ALFA BETA HEARTBEAT
# A byte behind the end of an ELF file makes it another file, and the same program.
{ cat "$program"; echo; } >"$dir/newer"
cp --sparse=always "$dir/bare.raw" "$dir/disk.raw"
boot ''
on_vm 'cat /etc/debian_version; systemctl --version | head -n 1; uname -rm; cat /proc/1/comm'
acts=(first_day levels keys binary owners full_disk failed_start what_is_served unit dead_card ipv4_alone ctrl_c lost_connection two_at_once
    next_term earlier other_kind moments power_offs)
[[ $# -eq 0 ]] || acts=("$@")
for act in "${acts[@]}"; do "act_$act"; done
printf '\nEverything came as it must.\n'
