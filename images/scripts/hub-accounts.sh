#!/bin/sh
# The accounts that JupyterHub runs as, and that materials are fetched by.
set -eu
useradd --system --home-dir /var/lib/jupyterhub --no-create-home --shell /usr/sbin/nologin jupyterhub
useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin imagegen-materials
