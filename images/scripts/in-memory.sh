#!/bin/sh
# Runs mmdebstrap with its tree in memory, and prints the tree. A signal reaches mmdebstrap too, which is waited for.
# Usage: in-memory.sh TREE BYTES PACK COMMAND..., where PACK is the command line that prints the tree.
trap : HUP INT TERM
tree=$1 size=$2 pack=$3
shift 3
mount -t tmpfs -o "mode=0755,size=$size" imagegen "$tree" && "$@" >&2 && eval "exec $pack"
