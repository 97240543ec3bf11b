"""The hub's own settings, but for where its files are, for who says that a password is right, and for what runs in
place of notebooks: programs of this machine."""

import os
import sys

FOLDER = os.environ["STACK"]
PROJECT = os.environ["PROJECT"]
sys.path.insert(0, f"{PROJECT}/images/base/usr/lib")

c = get_config()  # type: ignore[name-defined]  # JupyterHub defines it.
load_subconfig(f"{PROJECT}/images/hub/etc/jupyterhub/jupyterhub_config.py")  # noqa: F821
c.JupyterHub.db_url = f"sqlite:///{FOLDER}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{FOLDER}/cookie_secret"
c.JupyterHub.template_paths = [f"{PROJECT}/images/base/usr/lib/imagegen/jupyter/templates"]
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "right"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = f"{FOLDER}/{{username}}"
c.Spawner.cmd = [sys.executable, f"{PROJECT}/tests/browser/student.py"]
c.Spawner.port = 0
c.Spawner.mem_limit = None
c.Spawner.cpu_limit = None
c.Spawner.poll_interval = 1
