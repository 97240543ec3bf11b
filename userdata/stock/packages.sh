#!/bin/sh
# Installs what a golden image has already. Nothing is started before the rest of the set-up is in place.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
wanted="docker.io iptables nftables nfs-common autofs"
services="docker.service autofs.service"
if grep -q '"role": "hub"' /etc/imagegen/settings.json; then
	wanted="docker.io iptables nftables nfs-kernel-server"
	services="docker.service nfs-server.service"
fi

announce() {
	echo "$1"
	echo "imagegen: $1" >/dev/console || true
}

missing() {
	for package in $wanted; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
	done
}

# Since Debian 13 the docker command is a package of its own.
with_docker_cli() {
	if apt-cache show docker-cli >/dev/null 2>&1; then echo "$(missing)" docker-cli; else missing; fi
}

install() {
	apt-get update -q || return 1
	# shellcheck disable=SC2046  # one word for each package
	apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 $(with_docker_cli)
}

# What a golden image decides at each boot: its units start only where this file is.
mkdir -p /run/imagegen
: >/run/imagegen/accepted

trap 'rm -f "$policy"' EXIT
[ -n "$(missing)" ] || exit 0
announce "Installing what this image lacks:$(missing | tr '\n' ' ' | sed 's/^/ /; s/ $//')."
# Homes travel by NFS 4 alone, which needs no port mapper; an upgraded Docker ends notebooks.
systemctl mask --quiet rpcbind.service rpcbind.socket
systemctl mask --quiet --now apt-daily-upgrade.timer
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
said=
until install; do
	[ -n "$said" ] || announce "The packages cannot be installed yet; trying again until the mirror answers."
	said=yes
	dpkg --configure -a || true
	sleep 20
done
rm -f "$policy"
systemctl daemon-reload
# shellcheck disable=SC2086  # one word for each service
systemctl start --no-block $services
announce "The packages are installed."
