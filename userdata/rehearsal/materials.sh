# Serves two archives with a README at the address that tests/fixtures/rehearsals/students.yaml names.
set -eu
folder=/run/imagegen-rehearsal-materials
ip address replace 198.51.100.1/32 dev lo
mkdir -p "$folder/content"
echo Welcome >"$folder/content/README"
tar -C "$folder/content" -czf "$folder/course.tar.gz" .
cp "$folder/course.tar.gz" "$folder/data.tar.gz"
systemctl is-active --quiet imagegen-rehearsal-materials ||
	systemd-run --quiet --unit=imagegen-rehearsal-materials python3 -m http.server --directory "$folder" --bind 198.51.100.1 8080
