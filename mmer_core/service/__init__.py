"""The HTTP service: what `mmer serve` runs. Requests come in through `app`, wait in a `Lane`, and are
answered by one model in memory.
"""
