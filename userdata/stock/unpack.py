import base64, lzma, os
fields = iter(lzma.decompress(base64.b85decode(open("/var/lib/imagegen/stock").read().strip())).decode().split("\0"))
for mode, path, content in zip(fields, fields, fields):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(os.open(path, 577, int(mode, 8)), "w").write(content)
os.path.lexists("/usr/lib/python3/dist-packages/imagegen") or os.symlink("/usr/lib/imagegen", "/usr/lib/python3/dist-packages/imagegen")
