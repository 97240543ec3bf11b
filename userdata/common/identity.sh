#!/bin/sh
# A snapshot of a used machine carries that machine's Docker identity. Where the cloud says that this is another
# instance than the one whose identity is on the disk, it goes before dockerd starts; dockerd makes a new one.
set -eu
memory=/var/lib/imagegen/instance-id
current=$(cat /var/lib/cloud/data/instance-id)
if [ -e "$memory" ] && [ "$(cat "$memory")" != "$current" ]; then
	rm -rf /var/lib/docker/engine-id /var/lib/docker/swarm
	echo "This machine is a copy of another instance: Docker gets an identity of its own."
fi
mkdir -p "${memory%/*}"
echo "$current" >"$memory"
