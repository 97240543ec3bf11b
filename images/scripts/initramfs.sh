#!/bin/sh
# Makes the initramfs of each kernel that has none yet, and the links to it. The packages of kernels are told to leave both
# (INITRD=No): most of what belongs into an initramfs is installed after them, so that it would be made twice.
set -eu
for kernel in /boot/vmlinuz-*; do
	[ -e "$kernel" ] || continue
	version=${kernel#/boot/vmlinuz-}
	[ -e "/boot/initrd.img-$version" ] || update-initramfs -c -k "$version"
	INITRD=Yes linux-update-symlinks install "$version" "$kernel"
done
