"""Asks the rendezvous with a key that is not the workshop's, and prints the status. Usage: wrong_key.py URL"""

import ssl
import sys
import urllib.error
import urllib.request

request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer guess"})
try:
    answer = urllib.request.urlopen(request, timeout=60, context=ssl._create_unverified_context())
except urllib.error.HTTPError as error:
    answer = error
print(answer.status)
