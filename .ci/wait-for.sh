# For scripts to source. wait_for WHAT SECONDS COMMAND... runs a command until it succeeds; what it said last is told where it
# does not in time.
wait_for() {
	local what=$1 bound=$2 begun=$SECONDS seen
	shift 2
	until seen=$("$@" 2>&1); do
		if [ $((SECONDS - begun)) -ge "$bound" ]; then
			echo "waited $bound s in vain for $what; what was there last: ${seen:-nothing}" >&2
			return 1
		fi
		sleep 0.2
	done
}
