# Spoils what Consul has written, as a broken disk would, and starts it again: its log, and the id without which it does
# not start. Consul's image need not have a program that could do it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/raft"
for file in node-id raft/raft.db; do
	echo spoiled >"$folder/$file"
done
docker cp "$folder/." consul:/consul/data
docker restart consul
