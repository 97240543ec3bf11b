# Prints `STATE NODE ADDRESS PORT` of the rehearsal's task, as far as they are known.
task=$(docker service ps --quiet imagegen-rehearsal) || exit 1
docker inspect --format '{{.Status.State}} {{.NodeID}} {{range .Status.PortStatus.Ports}}{{.PublishedPort}} {{end}} {{.Status.Err}}' \
	"$task" | {
	read -r state node port rest
	echo "$state $(docker node inspect --format '{{.Description.Hostname}} {{.Status.Addr}}' "$node") $port"
	echo "$rest" >&2
}
