#!/bin/sh
# Tenant networks carry smaller packets than a wire: Docker's bridges take as much as the machine's own links.
set -eu
mtu=$(for link in /sys/class/net/*/device; do cat "${link%device}mtu"; done | sort -n | head -n 1)
[ -z "$mtu" ] || sed -i "s/\"mtu\": [0-9]*/\"mtu\": $mtu/" /etc/docker/daemon.json
