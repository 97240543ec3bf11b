import base64, lzma, os
fields = iter(lzma.decompress(base64.b85decode(open("/var/lib/imagegen/stock").read().strip())).decode().split("\0"))
for mode, path, text in zip(fields, fields, fields):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, int(mode, 8)), "w").write(text)
link = "/usr/lib/python3/dist-packages/imagegen"
os.path.lexists(link) or os.symlink("/usr/lib/imagegen", link)
os.execvp("systemctl", ["systemctl", "enable", "--now", "--no-block", "imagegen.target"])
