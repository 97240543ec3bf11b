# Changes, inside a machine of a rehearsal, all that its next boot goes through: the files on the EFI system partition
# are spoilt, as if they were too old to start anything, and shim and GRUB are installed again, which has to bring them
# back; and the machine gets another kernel than the one that it runs. Prints that one's version.
set -eu
export DEBIAN_FRONTEND=noninteractive

# What starts at boot has its own look at the partition; it has to be over.
systemctl is-system-running --wait >&2 || true
looks=0
until journalctl -b -o cat -u imagegen-esp.service | grep '^Finished' >&2; do
	looks=$((looks + 1))
	if [ "$looks" = 60 ]; then
		echo "waited 300 s in vain for the end of imagegen-esp.service; what is there last:" >&2
		systemctl status --no-pager imagegen-esp.service >&2
		exit 1
	fi
	sleep 5
done

folder=$(mktemp -d)
mount -t vfat /dev/disk/by-partlabel/esp "$folder"
spoilt=$(find "$folder" -type f | wc -l)
find "$folder" -type f -exec sh -c 'echo spoilt >"$1"' sh {} \;
umount "$folder"
[ "$spoilt" -ge 3 ]

apt-get update -q >&2
apt-get install -q -y --reinstall grub-common grub-pc-bin grub-efi-amd64-signed shim-signed >&2
# One of another day where the archive has one: it is smaller. Which of two is newer does not matter, for the links lead
# to the one that was installed last.
other=$(apt-cache pkgnames linux-image- | grep '^linux-image-[0-9].*-cloud-amd64$' |
	grep -vxF "linux-image-$(uname -r)" | sort -V | tail -n 1)
apt-get install -q -y "${other:-linux-image-amd64}" >&2
# As hooks of other packages call it.
update-grub >&2

next=$(readlink -f /vmlinuz)
next=${next##*/vmlinuz-}
if [ "$next" = "$(uname -r)" ]; then
	echo "/vmlinuz is still the running kernel" >&2
	exit 1
fi
echo "$next"
