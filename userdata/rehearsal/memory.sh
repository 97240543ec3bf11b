# Prints for each unit of the arguments how much memory its processes take, in KiB: what they share is divided among them.
for unit in "$@"; do
	group=$(systemctl show --value --property ControlGroup "$unit")
	while read -r process; do
		sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$process/smaps_rollup"
	done <"/sys/fs/cgroup$group/cgroup.procs" | awk '{ total += $1 } END { print total + 0 }'
done
