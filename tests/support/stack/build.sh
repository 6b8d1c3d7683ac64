#!/bin/sh
# Makes the three Debian trees the machines and the images stand on, once per cache: build.sh DIRECTORY [MIRROR]
# Without MIRROR debootstrap asks its own.
# DIRECTORY/machine: a server with sshd, sudo, curl, zstd, age and Docker; DIRECTORY/systemd: one that systemd starts,
# with Debian's own PostgreSQL 15 cluster and pgBackRest in place of Docker; DIRECTORY/image: PostgreSQL 15 and Python.
set -eu
here=$1 mirror=${2:-}

# What nobody reads in a test is not unpacked: it would be copied and loaded again and again.
slim() {
    printf 'path-exclude=/usr/share/%s/*\n' doc man info locale lintian bash-completion >"$1/etc/dpkg/dpkg.cfg.d/slim"
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod 755 "$1/usr/sbin/policy-rc.d"
    rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/info/* "$1"/usr/share/locale/*
}

online() {
    root=$1
    shift
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
    : >"$root/etc/resolv.conf"
}

install() {
    root=$1
    shift
    online "$root" apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root install --no-install-recommends "$@"
    rm -rf "$root"/var/cache/apt/* "$root"/usr/sbin/policy-rc.d
}

# A repository of what a test takes off the server, which then has no other to install it from.
keep() {
    root=$1
    shift
    mkdir -p "$root/srv/packages"
    online "$root" sh -euc 'cd /srv/packages; apt-get -qq -o APT::Sandbox::User=root download "$@"
        for file in *.deb; do
            dpkg-deb -f "$file"
            printf "Filename: ./%s\nSize: %s\nSHA256: %s\n\n" "$file" "$(stat -c %s "$file")" \
                "$(sha256sum "$file" | cut -d" " -f1)"
        done >Packages' sh "$@"
    echo 'deb [trusted=yes] file:/srv/packages ./' >"$root/etc/apt/sources.list"
}

slim_postgresql() {
    rm -rf "$1"/usr/lib/postgresql/15/lib/bitcode "$1"/usr/lib/x86_64-linux-gnu/libLLVM* \
        "$1"/usr/lib/postgresql/15/lib/llvmjit*.so "$1"/usr/lib/llvm-* "$1"/var/lib/apt/lists/*
}

# Who may enter a server; the passwords are the tests'.
add_users() {
    root=$1
    in_tree "$root" useradd --create-home --uid 1000 --shell /bin/bash deploy
    in_tree "$root" useradd --create-home --uid 1001 --shell /bin/sh admin
    printf 'deploy:deploy\nadmin:correct horse\n' | in_tree "$root" chpasswd
    printf 'deploy ALL=(ALL:ALL) NOPASSWD: ALL\nadmin ALL=(ALL:ALL) ALL\n' >"$root/etc/sudoers.d/tests"
    chmod 440 "$root/etc/sudoers.d/tests"
    rm -rf "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_*
}

in_tree() {
    root=$1
    shift
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

debootstrap --variant=minbase --include=zstd bookworm "$here/image" ${mirror:+"$mirror"}
slim "$here/image"
cp -a "$here/image" "$here/machine"
cp -a "$here/image" "$here/systemd"

mkdir -p "$here/image/etc/postgresql-common"
echo 'create_main_cluster = false' >"$here/image/etc/postgresql-common/createcluster.conf"
# The number the official Debian image gives it; owners travel with backups.
in_tree "$here/image" groupadd --system --gid 999 postgres
in_tree "$here/image" useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres
install "$here/image" postgresql-15 python3-psycopg2
slim_postgresql "$here/image"

install "$here/machine" openssh-server sudo curl zstd age docker.io docker-compose iptables iproute2 procps
keep "$here/machine" age docker-compose openssl
printf '{"exec-opts": ["native.cgroupdriver=cgroupfs"], "oom-score-adjust": 0, "storage-driver": "overlay2"}\n' \
    >"$here/machine/etc/docker/daemon.json"
add_users "$here/machine"
in_tree "$here/machine" usermod --append --groups docker deploy

install "$here/systemd" systemd systemd-sysv dbus openssh-server sudo curl zstd age procps cron postgresql-15 \
    pgbackrest
keep "$here/systemd" age postgresql-15
slim_postgresql "$here/systemd"
add_users "$here/systemd"
