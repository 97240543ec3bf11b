#!/bin/sh
# A snapshot of a used machine carries its Docker identity. Where the cloud says that this is another instance than the
# one on the disk, it goes before dockerd starts; dockerd makes a new one.
set -eu
memory=/var/lib/imagegen/instance-id
current=$(cat /var/lib/cloud/data/instance-id)
data=$(sed -n 's/.*"data-root": "\(.*\)".*/\1/p' /etc/docker/daemon.json)
data=${data:-/var/lib/docker}
if [ -e "$memory" ] && [ "$(cat "$memory")" != "$current" ]; then
	rm -rf "$data/engine-id" "$data/swarm"
	echo "This machine is a copy of another instance: Docker gets an identity of its own."
fi
mkdir -p "${memory%/*}"
echo "$current" >"$memory"
