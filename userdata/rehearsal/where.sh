# Prints `STATE NODE ADDRESS PORT` of the rehearsal's task, as far as they are known, and below it what went wrong.
task=$(docker service ps --quiet imagegen-rehearsal) || exit 1
state=$(docker inspect --format '{{.Status.State}}' "$task")
node=$(docker inspect --format '{{.NodeID}}' "$task")
port=$(docker inspect --format '{{range .Status.PortStatus.Ports}}{{.PublishedPort}} {{end}}' "$task" 2>/dev/null)
place=$([ -z "$node" ] || docker node inspect --format '{{.Description.Hostname}} {{.Status.Addr}}' "$node")
echo "$state $place ${port%% *}"
docker inspect --format '{{.Status.Err}}' "$task"
