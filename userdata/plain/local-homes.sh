#!/bin/sh
# autofs covers /home with the students' homes. The image's own users keep theirs: the folder is kept aside, and
# autofs binds their homes from there.
set -eu
kept=/var/lib/imagegen/home
mkdir -p "$kept"
# Private, or what autofs mounts at /home would appear here too.
mountpoint -q "$kept" || mount --bind --make-private /home "$kept"
for home in "$kept"/*/; do
	home=${home%/}
	[ -d "$home" ] && echo "${home##*/} -fstype=bind :$home"
done >/etc/auto.imagegen-local.unfinished || true
mv /etc/auto.imagegen-local.unfinished /etc/auto.imagegen-local
