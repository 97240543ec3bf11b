# Runs in a student's container: asks the hub's API for its version, at the address that was given to the container.
import os
import urllib.request

url = os.environ["JUPYTERHUB_API_URL"]
print(url, urllib.request.urlopen(url, timeout=20).read().decode())
