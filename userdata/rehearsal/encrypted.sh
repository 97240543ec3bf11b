#!/bin/sh
# On a node: homes are mounted over mutual TLS, and not in another way. Argument: the folder with the homes on the hub.
set -eu
homes=$1
hub=imagegen-hub
point=$(mktemp -d)
key=/var/lib/imagegen/homes-tls/key.pem
kept=/var/lib/imagegen/homes-tls/kept

clean() {
	umount -q "$point" || true
	rmdir "$point"
	[ ! -e "$kept" ] || mv "$kept" "$key"
}
trap clean EXIT

# A mount of a hub that is mounted already would share its connection: nothing is mounted meanwhile.
unmounted() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		umount -a -t nfs4 || true
		grep -q " nfs4 " /proc/mounts || return 0
		sleep 1
	done
	echo "homes stay mounted" >&2
	exit 1
}

refused() {
	unmounted
	if timeout 120 mount -t nfs4 -o "vers=4.2,soft,timeo=100,retrans=1,$1" "$hub:$homes" "$point"; then
		echo "homes are mounted with $1$2" >&2
		exit 1
	fi
}

refused xprtsec=none ""
refused xprtsec=tls " and no certificate"
# Without its key a node has nothing to show.
mv "$key" "$kept"
refused xprtsec=mtls " by a node that has lost its key"
mv "$kept" "$key"
# The same mount with everything in place: what was refused was refused for the reason that was meant.
unmounted
timeout 300 mount -t nfs4 -o vers=4.2,xprtsec=mtls "$hub:$homes" "$point"
grep -F " $point nfs4 " /proc/mounts | grep -qF xprtsec=mtls
