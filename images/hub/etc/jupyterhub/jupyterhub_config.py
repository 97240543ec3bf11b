"""JupyterHub as a workshop needs it. What differs between workshops comes from the user-data."""

import os

from imagegen.classic import health
from imagegen.hub import hub_port
from imagegen.hub.address import find_interface
from imagegen.jupyter import forwarded, gate, specification
from imagegen.jupyter.login import WorkshopAuthenticator
from imagegen.jupyter.page import DOCKER, Workshop, WorkshopPage
from imagegen.jupyter.spawner import ClassicNotebooks, SwarmNotebooks
from imagegen.jupyter.usage import stored_by
from imagegen.settings import settings
from imagegen.users import table

c = get_config()  # type: ignore[name-defined]  # JupyterHub defines it.

STATE = "/var/lib/jupyterhub"
config = settings(f"{os.environ['CREDENTIALS_DIRECTORY']}/settings")
page = config["page"]
notebooks = page["notebooks"]
own_address = str(find_interface(config).ip)
classic = config["engine"] == "classic"
# The tokens that the first boot has made (imagegen.hub.setup).
culler_token = os.environ["JUPYTERHUB_API_TOKEN"]
metrics_token = os.environ["IMAGEGEN_METRICS_TOKEN"]

# Students come through the proxy; containers, from their nodes, to the API.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.hub_bind_url = f"http://{own_address}:{hub_port.NUMBER}"
c.JupyterHub.trusted_downstream_ips = ["127.0.0.1"]
# The proxy comes from the address that it connects to.
forwarded.believe_only({"127.0.0.1", own_address})
# Also for what students' servers set: the page is reached by HTTPS alone, and no other site's request is a student's.
c.JupyterHub.tornado_settings = {"cookie_options": {"secure": True, "samesite": "Lax"}}
if page["web"].get("subdomains"):
    c.JupyterHub.subdomain_host = f"https://{page['web']['domain']}"
    # A page on a student's host name can set cookies for all names of the workshop, but none of this kind.
    c.JupyterHub.cookie_host_prefix_enabled = True
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.auth_token = os.environ["CONFIGPROXY_AUTH_TOKEN"]
# A proxy that has started again knows no routes: the hub looks this often (seconds), and fills it.
c.JupyterHub.last_activity_interval = 20

# A hub that starts again finds the servers still running.
c.JupyterHub.cleanup_servers = False
c.JupyterHub.db_url = f"sqlite:///{STATE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{STATE}/cookie_secret"
c.JupyterHub.template_paths = ["/usr/lib/imagegen/jupyter/templates"]
places = {"homes": config["homes"], "JupyterHub's database": STATE}
workshop = Workshop(notebooks, own_address, classic, places, metrics_token)
c.JupyterHub.extra_handlers = [
    (r"/workshop", WorkshopPage, {"workshop": workshop}),
    (r"/gate", gate.Gate),
    (r"/enter", gate.Entry),
]
# The id is on the cards too. A text made by an earlier imagegen has none.
title = " ".join(filter(None, (config["workshop"], config.get("workshop_id"))))
c.JupyterHub.template_vars = {"announcement": f"Workshop {title}", "workshop": title, "stored": stored_by}

c.JupyterHub.authenticator_class = WorkshopAuthenticator
c.Authenticator.post_auth_hook = gate.end_passes
c.Authenticator.allowed_users = set(table().users)
c.Authenticator.admin_users = set(page["admins"])
c.PAMAuthenticator.service = "jupyterhub"
c.PAMAuthenticator.open_sessions = False

c.JupyterHub.spawner_class = ClassicNotebooks if classic else SwarmNotebooks
c.WorkshopSpawner.options = notebooks
c.WorkshopSpawner.own_address = own_address
c.Spawner.port = specification.PORT
c.Spawner.cmd = ["jupyterhub-singleuser"]
c.Spawner.default_url = "/lab"
c.Spawner.environment = {"TZ": page["timezone"]} if page["timezone"] else {}
# Each waits for a turn first; from then on the spawner itself looks at its clock.
c.Spawner.start_timeout = 3600 + notebooks["start_seconds"]
# The turns are the limit: beyond one of its own, JupyterHub would send students away.
c.JupyterHub.concurrent_spawn_limit = 0
# The spawner has had an answer before; after a start of all machines, earlier addresses have none.
c.Spawner.http_timeout = 60
c.Spawner.poll_interval = 20
c.Spawner.mem_limit = notebooks["memory"]
c.Spawner.cpu_limit = notebooks["cpus"] or None
c.DockerSpawner.pull_policy = "skip"
c.DockerSpawner.client_kwargs = {"base_url": DOCKER}
if classic:
    c.DockerSpawner.remove = True
    c.DockerSpawner.use_internal_ip = False
    c.DockerSpawner.network_name = "bridge"
    c.DockerSpawner.client_kwargs = {"base_url": f"tcp://{own_address}:{health.MANAGER_PORT}"}
    # Each node's own choice of a port, at the node's address, which the manager fills in.
    c.DockerSpawner.host_ip = "0.0.0.0"

c.JupyterHub.services = [
    {"name": "culler", "api_token": culler_token},
    {"name": "metrics", "api_token": metrics_token},
]
c.JupyterHub.load_roles = [
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
    {"name": "metrics", "services": ["metrics"], "scopes": ["read:metrics"]},
]
