# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# Prints the file handle of an exported path, as a node that may mount it has it. Reads JSON: `hub` and `export`.
import json
import sys

JOB = json.loads(sys.stdin.read())
print(Client(JOB["hub"]).handle_of(JOB["export"]).hex())
