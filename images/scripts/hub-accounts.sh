#!/bin/sh
# The account that JupyterHub runs as.
set -eu
useradd --system --home-dir /var/lib/jupyterhub --no-create-home --shell /usr/sbin/nologin jupyterhub
