#!/bin/sh
# Usage: stranger.sh FOLDER [TARGET...]     as root, with debootstrap
# What a stranger does on a bare Debian 12, timed: apt install, git clone, make demo, make test (or
# other targets). FOLDER becomes the root of that Debian and is kept. What the network needs is
# copied from this machine: names, certificates, settings of pip.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd) root=$1
shift
[ $# -gt 0 ] || set -- demo test

[ -x "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase bookworm "$root" >"$root.log"
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    [ ! -e $file ] || cp $file "$root$file"
done
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/machine.crt"
home=$root/root # of the user in there
rm -rf "$home/fastmlp.git" "$home/fastmlp"
git clone -q --bare "$source" "$home/fastmlp.git"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/sys" || mount -t sysfs -o ro sys "$root/sys"
trap 'umount "$root/proc" "$root/sys"' EXIT

inside() {
    chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_CERT=/etc/machine.crt \
        DEBIAN_FRONTEND=noninteractive sh -c "$*"
}
timed() {
    start=$(date +%s)
    inside "$@"
    echo "== $(($(date +%s) - start)) s: $*"
}
timed 'apt-get -qq update && apt-get -qq install -y python3-venv gcc make git >/dev/null'
timed 'git clone -q ~/fastmlp.git ~/fastmlp'
for target in "$@"; do
    timed "make -s -C ~/fastmlp $target"
done
