"""libvirt networks for nodes: the request for one, what it conflicts with, and which domains use it.

`request` and `problems` are pure; `environment`, `users` and `manage` read the host and libvirt.
"""
