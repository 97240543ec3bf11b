#!/bin/sh
# Makes a Python environment in the folder /$1 from the wheels in /imagegen-set, and asks no index.
# Usage: python-set.sh FOLDER
set -eu
wheels=/imagegen-set
folder=/$1

# People's own packages in ~/.local are found too, which a closed environment would not allow.
python3 -m venv --without-pip --system-site-packages "$folder"
# pip is one of the wheels, and runs from there.
PYTHONPATH=$(echo "$wheels"/pip-*.whl) "$folder/bin/python3" -m pip install --quiet --no-index --no-deps \
	--no-compile --no-cache-dir --ignore-installed "$wheels"/*.whl
# Compiled once and for all: nobody may write here later, and starting would be slow. What Python writes into a file
# depends on what it compiled before, so the files are always dealt out to the same number of processes in the same way.
processes=4
lists=$(mktemp -d)
find "$folder/lib" -name '*.py' ! -type d | LC_ALL=C sort >"$lists/all"
running=
for number in $(seq 0 $((processes - 1))); do
	awk "NR % $processes == $number" "$lists/all" >"$lists/$number"
	PYTHONHASHSEED=0 "$folder/bin/python3" -m compileall -q --invalidation-mode unchecked-hash -i "$lists/$number" &
	running="$running $!"
done
for process in $running; do
	wait "$process"
done
rm -r "$wheels" "$lists"
