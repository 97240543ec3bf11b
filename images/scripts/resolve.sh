#!/bin/sh
# Says which packages apt would install, without installing them. mmdebstrap runs it as a hook, with apt set up for the
# root file system; the results are put into the folder ROOT/imagegen-resolved.
# Usage: resolve.sh ROOT bootstrap|add PACKAGE...
set -eu
root=$1 way=$2
shift 2
# Since mmdebstrap 1.3 hooks get apt's settings by another name.
export APT_CONFIG="${MMDEBSTRAP_APT_CONFIG:-${APT_CONFIG:-}}"
result=$root/imagegen-resolved
mkdir "$result"

apt-get -qq -o Acquire::Retries=3 update --error-on=any
apt-get indextargets --format "\$(FILENAME)" "Created-By: Packages" | while read -r index; do
	/usr/lib/apt/apt-helper cat-file "$index"
done | awk '/^Package: /{name = $2} /^Priority: required$/{print name}' | sort -u >"$result/required"
cat "$root/etc/apt/sources.list" >"$result/sources"

if [ "$way" = bootstrap ]; then
	while read -r name; do
		set -- "$@" "$name"
	done <"$result/required"
	set -- '?essential' "$@"
fi
apt-get install -qq --yes --print-uris -o Acquire::ForceHash=SHA256 -- "$@" >"$result/packages"
