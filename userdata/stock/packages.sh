#!/bin/sh
# Installs what a golden image has already. Nothing is started before the rest of the set-up is in place.
set -eu
export DEBIAN_FRONTEND=noninteractive
packages="docker.io iptables nftables nfs-common autofs" services="docker.service autofs.service"
if grep -q '"role": "hub"' /etc/imagegen/settings.json; then
	packages="docker.io iptables nftables nfs-kernel-server" services="docker.service nfs-server.service"
fi
installed=/var/lib/imagegen/packages
policy=/usr/sbin/policy-rc.d

announce() {
	echo "imagegen: $1" | tee /dev/console || true
}

# Since Debian 13 the docker command is a package of its own.
install() {
	apt-get update -q || return 1
	cli=$(apt-cache show docker-cli 2>/dev/null) && cli=docker-cli
	# shellcheck disable=SC2086  # one word for each package
	apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 $packages $cli
}

# What a golden image decides at each boot: units start only where this file is.
mkdir -p /run/imagegen
: >/run/imagegen/accepted
# Before students get accounts here, sshd reads the rules for them.
systemctl try-reload-or-restart ssh.service || true
[ "$(cat "$installed" 2>/dev/null)" != "$packages" ] || exit 0
announce "Installing $packages."
# Homes travel by NFS 4 alone, which needs no port mapper; an upgraded Docker ends notebooks.
systemctl mask --quiet rpcbind.service rpcbind.socket
systemctl mask --quiet --now apt-daily-upgrade.timer
trap 'rm -f "$policy"' EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
until install; do
	announce "The packages cannot be installed yet; trying again."
	dpkg --configure -a || true
	sleep 60
done
rm -f "$policy"
echo "$packages" >"$installed"
systemctl daemon-reload
# shellcheck disable=SC2086  # one word for each service
systemctl start --no-block $services
