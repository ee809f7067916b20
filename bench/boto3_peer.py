"""The Python original, for the same endpoint: prints the time of each fetch and of cached reads as JSON.

Usage: boto3_peer.py OPTIONS.json ROUNDS
"""

import json
import sys
import time

from boto3_refresh_session import RefreshableSession

with open(sys.argv[1], encoding="utf-8") as file:
    options = json.load(file)
rounds = int(sys.argv[2])


def timed(call):
    started = time.perf_counter()
    result = call()
    return (time.perf_counter() - started) * 1000, result


fetches = []
for _ in range(rounds):
    spent, session = timed(lambda: RefreshableSession(method="iot", defer_refresh=False, region_name="eu-west-1", **options))
    fetches.append(spent)

started = time.perf_counter()
for _ in range(10_000):
    session.refreshable_credentials()
cached = (time.perf_counter() - started) / 10_000 * 1000

print(json.dumps({"fetches": fetches, "cached": cached}))
