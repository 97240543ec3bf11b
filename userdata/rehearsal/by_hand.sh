# Starts the notebook image as anybody would, and prints how many milliseconds its server takes to answer.
set -eu
answers() {
	python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8899/api", timeout=5)' 2>/dev/null
}
image=$(docker image ls --quiet imagegen/notebook | head -n 1)
begun=$(date +%s%N)
docker run --detach --name imagegen-by-hand --publish 127.0.0.1:8899:8888 --user 65534 --env HOME=/tmp "$image" \
	jupyter lab --no-browser --ip 0.0.0.0 --port 8888 >/dev/null
until answers; do
	if [ "$(date +%s%N)" -gt $((begun + 900000000000)) ]; then
		echo "waited 900 s in vain for an answer of the notebook image; what it said last:" >&2
		docker logs --tail 5 imagegen-by-hand >&2
		exit 1
	fi
	sleep 0.2
done
echo "$((($(date +%s%N) - begun) / 1000000))"
docker rm --force imagegen-by-hand >/dev/null
