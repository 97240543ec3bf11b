#!/usr/bin/env python3
"""Runs in a system with cloud-init and the image's own data source, and looks at what the latter builds on."""

import sys

from cloudinit import distros, helpers, sources
from cloudinit.net.ephemeral import EphemeralDHCPv4
from cloudinit.sources.helpers import openstack

PACKAGES = ["imagegen_cloud", "", "cloudinit.sources"]
found = sources.list_sources(["ConfigDrive", "NoCloud", "MetadataService", "None"], [sources.DEP_FILESYSTEM], PACKAGES)
names = [kind.__name__ for kind in found]
if names != ["DataSourceConfigDrive", "DataSourceNoCloud", "DataSourceMetadataService"]:
    sys.exit(f"cloud-init finds {names}")
paths = helpers.Paths({"run_dir": "/run/cloud-init"})
settings = {"datasource": {"OpenStack": {"timeout": 5, "max_wait": 10, "retries": 7}}}
own = found[-1](settings, distros.fetch("debian")("debian", {}, paths), paths)
if not own.ds_detect() or own.get_url_params().num_retries != 7:
    sys.exit("the data source takes no settings")
for kind, method in [
    (EphemeralDHCPv4, "obtain_lease"),
    (EphemeralDHCPv4, "clean_network"),
    (openstack.MetadataReader, "_path_read"),
    (type(own).__mro__[1], "_crawl_metadata"),
    (type(own).__mro__[1], "wait_for_metadata_service"),
]:
    if not hasattr(kind, method):
        sys.exit(f"{kind.__name__} has no {method} any more")
print("cloud-init finds the data source for the metadata service", file=sys.stderr)
