# Changes, inside a machine of a rehearsal, all that its next boot goes through: the files on the EFI system partition
# are spoilt, as if they were of an age in which they no longer start anything, and shim and GRUB are installed again,
# which has to bring them back; and the machine gets another kernel than the one that it runs. Prints that one's version.
set -eu
export DEBIAN_FRONTEND=noninteractive

folder=$(mktemp -d)
mount -t vfat /dev/disk/by-partlabel/esp "$folder"
spoilt=$(find "$folder" -type f | wc -l)
find "$folder" -type f -exec sh -c 'echo spoilt >"$1"' sh {} \;
umount "$folder"
[ "$spoilt" -ge 3 ]

apt-get update -q >&2
apt-get install -q -y --reinstall grub-common grub-pc-bin grub-efi-amd64-signed shim-signed >&2
case $(uname -r) in
*-cloud-*) apt-get install -q -y linux-image-amd64 >&2 ;;
*) apt-get install -q -y linux-image-cloud-amd64 >&2 ;;
esac
update-grub >&2

next=$(readlink -f /vmlinuz)
[ "${next##*/vmlinuz-}" != "$(uname -r)" ]
echo "${next##*/vmlinuz-}"
