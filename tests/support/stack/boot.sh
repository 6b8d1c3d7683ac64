#!/bin/sh
# First program of a machine, already in namespaces of its own: builds the file systems and becomes its init.
# Arguments: directory of the machine, its Debian, its docker data, its name, its control group, "docker", "plain" or
# "systemd".
set -eu
place=$1 debian=$2 data=$3 name=$4 group=$5 kind=$6
root=$place/root

mount --make-rprivate /
mount -t overlay machine -o "lowerdir=$debian,upperdir=$place/upper,workdir=$place/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
if [ "$kind" = systemd ]; then
    # Its own part of the tree, which is all that its namespace shows.
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
    mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
fi
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
if [ "$kind" != systemd ]; then
    mkdir -p "$root/var/lib/docker"
    mount --bind "$data" "$root/var/lib/docker"
fi

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/net" "$root/run/lock" "$root/run/sshd"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"
done

hostname "$name"
ip link set lo up
mkdir "$root/run/old"
cd "$root"
pivot_root . run/old
# Process 1 is systemd, or tini: that takes in orphans, and with sshd's end the machine is off.
exec chroot . /bin/sh -c '
    umount -l /run/old && rmdir /run/old
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
    if [ "$2" = docker ]; then
        dockerd --cgroup-parent "$1" >>/var/log/dockerd.log 2>&1 </dev/null &
        echo $! >/run/docker-ssd.pid # where the script in init.d looks for it
    fi
    if [ "$2" = systemd ]; then
        exec env -i PATH="$PATH" container=other /lib/systemd/systemd --log-target=console
    fi
    exec env -i PATH="$PATH" tini -- /usr/sbin/sshd -D -e
' sh "$group" "$kind"
