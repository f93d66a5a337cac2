"""The process that holds the weights, and the way to it.

`host` runs in that process: wire → scheduler → backend. `client` is its counterpart in the editor's process:
it starts the host, survives its death, and turns messages into steps.
"""
