#!/bin/sh
# Shows that packages come first, and that the script runs inside.
set -eu
command -v tree >/etc/imagegen-mark
id -un >>/etc/imagegen-mark
