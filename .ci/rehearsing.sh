# The rehearsals, for scripts to source, which say where things are: the program (IMAGEGEN), the folder of golden images
# (IMAGES), the ordinary image (PLAIN), and the folder for logs (LOGS).
# shellcheck source=/dev/null
. .ci/wait-for.sh

# A folder for temporary files of our own: what is left in it is ours, whoever else rehearses on this machine.
TMPDIR=$(mktemp -d /tmp/ci-XXXXXX)
chmod 1777 "$TMPDIR"
export TMPDIR

# A port of the loopback interface that nobody has at this moment.
free_port() {
	python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}

rehearse_students() {
	"$IMAGEGEN" rehearse run --nodes 2 --students 2 --images "$IMAGES" \
		--workshop tests/fixtures/rehearsals/students.yaml "$@"
}

# With a forwarded port, the hub has a second network and is told its address; without one, it finds that by itself.
students_and_a_browser() {
	rehearse_students --logs "$LOGS/students" --forward "$(free_port)" --exec "tests/browser/page.py '$LOGS/screenshots'"
}
students_on_one_network() {
	rehearse_students --logs "$LOGS/students-on-one-network"
}
# On a cloud by whose name cloud-init does not know OpenStack, and whose metadata service comes late; with homes over TLS.
metadata_service() {
	"$IMAGEGEN" rehearse run --nodes 1 --images "$IMAGES" --logs "$LOGS/metadata-service" \
		--workshop tests/fixtures/rehearsals/tls.yaml \
		--datasource metadata --product "VMware Virtual Platform" --metadata-delay 90
}
# From a notebook, from a neighbour on the network and from outside.
attacks() {
	"$IMAGEGEN" rehearse attacks --images "$IMAGES" --logs "$LOGS/attacks"
}
one_machine() {
	"$IMAGEGEN" rehearse run --nodes 0 --students 2 --images "$IMAGES" --logs "$LOGS/one-machine" \
		--workshop tests/fixtures/rehearsals/solo.yaml
}
rehearse_classic() {
	"$IMAGEGEN" rehearse run --nodes 1 --students 1 --images "$IMAGES" --logs "$LOGS/classic" "$@"
}
classic() {
	rehearse_classic --workshop tests/fixtures/rehearsals/classic.yaml
}
ordinary() {
	"$IMAGEGEN" rehearse run --nodes 1 --stock-image "$PLAIN" --logs "$LOGS/ordinary" \
		--workshop tests/fixtures/rehearsals/plain.yaml
}
secure_boot() {
	"$IMAGEGEN" rehearse boot "$IMAGES/hub.qcow2" --firmware secure-boot --logs "$LOGS/secure-boot"
}
stopped() {
	"$IMAGEGEN" rehearse run --nodes 1 --images "$IMAGES" --logs "$LOGS/stopped" &
	wait_for "a machine of the rehearsal" 300 pgrep -f "$TMPDIR/imagegen-rehearsal-"
	kill -INT $!
	local code=0
	wait $! || code=$?
	[ "$code" = 130 ]
}

nothing_left() {
	if pgrep -f "$TMPDIR/imagegen-rehearsal-" || compgen -G "$TMPDIR/imagegen-rehearsal-*"; then
		echo "a rehearsal left this behind"
		return 1
	fi
}
