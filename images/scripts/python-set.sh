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
# Compiled once and for all, and to the same bytes each time: nobody may write here later, and starting would be slow.
PYTHONHASHSEED=0 "$folder/bin/python3" -m compileall -q -j 1 --invalidation-mode unchecked-hash "$folder/lib"
rm -r "$wheels"
