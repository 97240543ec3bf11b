#!/usr/bin/env bash
# The dockerd of Debian 13, which the images have, for tests: sourced by those that start it. Only root can.

# Unpacks it and what it starts into a new folder; the links are what packages' scripts make. Usage: unpack_dockerd FOLDER
unpack_dockerd() {
	local name root=$1
	mmdebstrap --quiet --variant=extract --format=directory \
		--include=base-files,base-passwd,busybox-static,dash,docker.io,iproute2,iptables,nftables,python3 trixie "$root"
	for name in iptables ip6tables; do
		ln -sf "$name-nft" "$root/usr/sbin/$name"
	done
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	{ cat "$root/usr/share/base-passwd/group.master" && echo docker:x:101:; } >"$root/etc/group"
	rm -rf "$root/var/run"
	mkdir -p "$root/etc/docker" "$root/old"
	ln -s /run "$root/var/run"
}

# Runs a command in that folder, on a machine of its own, as far as dockerd can tell: Docker needs a root that was changed
# by pivot_root. Usage: on_own_machine FOLDER COMMAND...
on_own_machine() {
	# shellcheck disable=SC2016  # it is the inner shell that knows the folder as $1
	env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		unshare --mount --net --pid --ipc --uts --fork --kill-child sh -euc '
			cd "$1"
			shift
			mount --make-rprivate /
			mount --bind . .
			cd "$PWD"
			mkdir -p proc sys dev run tmp var/lib/docker
			mount -t proc proc proc
			mount -t sysfs sysfs sys
			mount -t cgroup2 cgroup2 sys/fs/cgroup
			mount --rbind /dev dev
			for folder in run tmp etc/docker var/lib/docker; do
				mount -t tmpfs tmpfs "$folder"
			done
			pivot_root . old
			busybox umount -l /old
			ip link set lo up
			exec "$@"
		' sh "$@"
}
