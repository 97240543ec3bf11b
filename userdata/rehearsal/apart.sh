#!/bin/sh
# On the hub: fails if one of the folders is on the root file system, or if another client than the given ones has an
# export. Arguments: folders, `--`, clients as exports(5) names them.
set -eu
root=$(stat -c %d /)
while [ "$1" != -- ]; do
	if [ "$(stat -c %d "$1")" = "$root" ]; then
		echo "$1 is on the root file system" >&2
		exit 1
	fi
	shift
done
shift
sed 's/^[^\t]*\t\([^(]*\)(.*/\1/' /var/lib/nfs/etab | while read -r client; do
	case " $* " in
	*" $client "*) ;;
	*)
		echo "$client may mount homes, beside $*" >&2
		exit 1
		;;
	esac
done
cut -f1 /var/lib/nfs/etab | sort -u | tr '\n' ' '
