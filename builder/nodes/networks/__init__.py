"""libvirt's networks, as nodes need them: what is requested, what it would clash with, and who uses it.

`request` and `problems` are pure; `surroundings`, `users` and `manage` ask the host and libvirt.
"""
