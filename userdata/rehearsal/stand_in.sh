# Makes a container image of this machine's Python and the program on standard input, under all names given.
set -eu
docker image inspect "$@" >/dev/null 2>&1 && exit 0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/stand_in.py"
mkdir -p "$folder/usr/bin"
python=$(readlink -f /usr/bin/python3)
library=/usr/lib/$(basename "$python")
libraries=$(ldd "$python" "$library"/lib-dynload/*.so | grep -o '/[^ :]*\.so[^ :]*' | grep -v lib-dynload | sed 's#^/##' | sort -u)
# shellcheck disable=SC2086  # one word for each library
tar -C / -chf "$folder/image.tar" --exclude=test --exclude=idlelib --exclude=ensurepip \
	"${python#/}" "${library#/}" $libraries
ln -s "${python##*/}" "$folder/usr/bin/python3"
tar -C "$folder" -rf "$folder/image.tar" stand_in.py usr/bin/python3
docker import --change "ENTRYPOINT [\"/usr/bin/python3\", \"/stand_in.py\"]" "$folder/image.tar" "$1" >/dev/null
for name in "$@"; do
	docker tag "$1" "$name"
done
