"""Runs `true` on each of the hosts, RUNS times one after another on the same connections.

Writes a line for each run: its CPU seconds and its wall seconds.
"""
import argparse
import asyncio
import resource
import time

import asyncssh


def options():
    parser = argparse.ArgumentParser()
    for name in ("--hosts", "--user", "--identity", "--jump", "--agent", "--key-exchange"):
        parser.add_argument(name)
    for name in ("--port", "--window", "--runs"):
        parser.add_argument(name, type=int, default=1)
    return parser.parse_args()


def connection_options(o):
    how = {"port": o.port, "username": o.user, "known_hosts": None, "config": None}
    how["agent_path"] = o.agent
    if o.identity:
        how["client_keys"] = [o.identity]
    if o.key_exchange:
        how["kex_algs"] = [o.key_exchange]
    return how


def now():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, time.monotonic()


async def main(o):
    with open(o.hosts, encoding="ascii") as file:
        hosts = file.read().split()
    window = asyncio.Semaphore(o.window)
    how = connection_options(o)
    hop = await asyncssh.connect(o.jump, **how) if o.jump else ()
    kept = {}

    async def one(host):
        async with window:
            if o.runs == 1:
                async with asyncssh.connect(host, tunnel=hop, **how) as connection:
                    return (await connection.run("true")).exit_status
            if host not in kept:
                kept[host] = await asyncssh.connect(host, tunnel=hop, **how)
            return (await kept[host].run("true")).exit_status

    for _ in range(o.runs):
        before = now()
        codes = await asyncio.gather(*(one(host) for host in hosts))
        after = now()
        print(*(b - a for a, b in zip(before, after)))
        if any(code != 0 for code in codes):
            raise SystemExit(1)
    for connection in kept.values():
        connection.close()
    await asyncio.gather(*(connection.wait_closed() for connection in kept.values()))


asyncio.run(main(options()))
