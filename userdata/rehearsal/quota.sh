#!/bin/sh
# On a node: one student asks for more bytes than there may be at home, and on this machine's own disk; another one is
# not hindered. Arguments: the students' names, the bytes at home and here.
set -eu
one=$1 other=$2

# Root is nobody in a home.
clean() {
	runuser -u "$one" -- rm -f "/home/$one/too-much"
	runuser -u "$other" -- rm -f "/home/$other/enough"
	rm -f /var/tmp/too-much /var/tmp/enough
}
trap clean EXIT

refused() {
	if said=$(LC_ALL=C runuser -u "$one" -- fallocate -l "$1" "$2" 2>&1); then
		echo "$one may store $1 bytes in $2" >&2
		exit 1
	fi
	case $said in
	*"Disk quota exceeded"*) ;;
	*)
		echo "$2: $said" >&2
		exit 1
		;;
	esac
}

refused "$3" "/home/$one/too-much"
refused "$4" /var/tmp/too-much
runuser -u "$other" -- fallocate -l 1M "/home/$other/enough"
runuser -u "$other" -- fallocate -l 1M /var/tmp/enough
