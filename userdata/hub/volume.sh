#!/bin/sh
# Mounts the volume with the homes. It is formatted if it is blank; one with anything else on it is left alone.
set -eu
device={{ volume }}
folder={{ homes }}

announce() {
	echo "$1"
	echo "imagegen: $1" >/dev/console || true
}

# Neither a signature that blkid knows, nor a byte in the first MiB.
is_blank() {
	found=0
	blkid -p "$device" >/dev/null || found=$?
	[ "$found" = 2 ] && [ -z "$(head -c 1048576 "$device" | tr -d '\0' | head -c 1 | od -An -c)" ]
}

mkdir -p "$folder"
mountpoint -q "$folder" && exit 0
if [ ! -b "$device" ]; then
	announce "Waiting for the volume $device, which holds the homes."
	until [ -b "$device" ]; do sleep 2; done
fi
if is_blank; then
	mkfs.ext4 -q -m 0 -L homes "$device"
	announce "The volume $device was blank, and has a file system now."
fi
if ! mount -t ext4 -o nosuid,nodev "$device" "$folder"; then
	announce "The volume $device has no ext4 file system and is not blank: nothing is changed on it, and there are no homes."
	exit 1
fi
resize2fs "$device" || true # It may have grown.
announce "The homes are on the volume $device."
