#!/bin/sh
# On a node: homes are mounted over mutual TLS, and not in another way. Argument: the folder with the homes on the hub.
set -eu
homes=$1
hub=imagegen-hub
point=$(mktemp -d)
key=/run/imagegen-homes-tls/key.pem
kept=/run/imagegen-homes-tls/kept

clean() {
	umount -q "$point" || true
	rmdir "$point"
	[ ! -e "$kept" ] || mv "$kept" "$key"
}
trap clean EXIT

refused() {
	if timeout 120 mount -t nfs4 -o "vers=4.2,soft,timeo=100,retrans=1,$1" "$hub:$homes" "$point"; then
		echo "homes are mounted with $1$2" >&2
		exit 1
	fi
}

refused xprtsec=none ""
refused xprtsec=tls ""
# Without its key a node has nothing to show.
mv "$key" "$kept"
refused xprtsec=mtls " by a node that has lost its key"
mv "$kept" "$key"
# The same mount with everything in place: what was refused was refused for the reason that was meant.
timeout 300 mount -t nfs4 -o vers=4.2,xprtsec=mtls "$hub:$homes" "$point"
grep -F " $point nfs4 " /proc/mounts | grep -qF xprtsec=mtls
if grep " nfs4 " /proc/mounts | grep -F "$hub:" | grep -vF xprtsec=mtls; then
	echo "something of the hub's is mounted without TLS" >&2
	exit 1
fi
