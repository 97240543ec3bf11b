#!/bin/sh
# Clouds give an instance a /32 address, and a gateway or neighbours that no subnet of it holds. cloud-init writes such
# routes without saying that they are on the link, so networkd waits for a way to the gateway that never comes.
set -eu
folder=${1:-/etc/systemd/network}
for file in "$folder"/10-cloud-init-*.network; do
	[ -e "$file" ] || continue
	# A gateway of zeros stands for none: the destination itself is on the link.
	sed -i -e '/^GatewayOnLink=/d' -e '/^Gateway=0\.0\.0\.0$/d' -e '/^Gateway=::$/d' \
		-e 's/^Gateway=.*/&\nGatewayOnLink=yes/' "$file"
done
