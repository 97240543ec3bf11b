#!/bin/sh
# A kernel's package has update-grub write the boot menu anew, as Debian's installer would have it. The image's own menu
# finds the newest kernel by /vmlinuz, on BIOS and on UEFI, and needs only what is built into both GRUBs; a generated
# one would not do. A diversion survives upgrades of grub2-common; base/usr/sbin/update-grub says why nothing happens.
set -eu
dpkg-divert --local --rename --divert /usr/sbin/update-grub.distrib --add /usr/sbin/update-grub
