"""Prints the status, the place that is led to, and the text at a URL. Usage: fetch.py URL [AUTHORIZATION]"""

import ssl
import sys
import urllib.error
import urllib.request


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


context = ssl._create_unverified_context()  # The certificate is looked at by a check of its own.
opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=context))
headers = {"Authorization": sys.argv[2]} if len(sys.argv) > 2 else {}
request = urllib.request.Request(sys.argv[1], headers=headers)
try:
    answer = opener.open(request, timeout=30)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.headers.get("Location", "-"))
print(answer.read().decode(errors="replace"))
