#!/bin/sh
# Firmware with UEFI reads shim and GRUB from the EFI system partition, where no package puts them: this copies what
# differs there. Between two upgrades the partition is not mounted, so that a plug that is pulled does it no harm.
set -eu
list=/usr/lib/imagegen/esp.list
folder=/run/imagegen-esp
# By GPT's type of such a partition, on the disk of the root file system: another disk may be a copy of this one.
kind=c12a7328-f81f-11d2-ba4b-00a0c93ec93b

disk=$(lsblk --noheadings --output PKNAME "$(findmnt --noheadings --output SOURCE /)")
partition=$(lsblk --noheadings --raw --output PATH,PARTTYPE "/dev/$disk" | sed -n "s/ $kind\$//p")
if [ -z "$partition" ]; then
	echo "This disk has no EFI system partition: it boots by BIOS."
	exit 0
fi
mkdir -p "$folder"
mount -t vfat "$partition" "$folder"
trap 'umount "$folder"' EXIT

grep -v '^#' "$list" | while read -r place source; do
	target=$folder/$place
	cmp -s "$source" "$target" && continue
	mkdir -p "${target%/*}"
	# Whole before it gets its name: a machine that loses its power here still has the one before.
	cp "$source" "$target.new"
	sync -f "$target.new"
	mv "$target.new" "$target"
	sync -f "$target"
	echo "$place on the EFI system partition is up to date with $source."
done
