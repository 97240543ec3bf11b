"""Calls a TLS server by each of some names, as a browser would that trusts one authority; prints the verdicts as JSON.
Usage: call.py AUTHORITY CERTIFICATE KEY NAME..."""

import json
import ssl
import sys


def verdict(authority, certificate, key, name):
    trust = ssl.create_default_context(cafile=authority)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return "trusted" if client.version() else "nothing"


authority, certificate, key, *names = sys.argv[1:]
print(json.dumps({name: verdict(authority, certificate, key, name) for name in names}))
