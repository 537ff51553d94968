"""An ssh server on asyncssh: asyncssh_server.py PORT HOST_KEY AUTHORIZED_KEYS

It runs each command with /bin/sh in a session of its own and passes signals on to it. It opens no
terminals: asyncssh leaves that to the program around it."""
import asyncio
import os
import signal
import sys

import asyncssh


async def pump(source, target):
    while data := await source.read(65536):
        target.write(data)
        await target.drain()


async def feed(process, child):
    try:
        while data := await process.stdin.read(65536):
            child.stdin.write(data)
            await child.stdin.drain()
    except (OSError, asyncssh.Error):
        pass
    try:
        child.stdin.close()
    except OSError:
        pass


def signal_group(leader, name):
    try:
        os.killpg(leader, signal.Signals["SIG" + name])
    except (OSError, KeyError):
        pass


async def handle(process):
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_shell(
        process.command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    # By itself a process shows signals to a pending read of its input only.
    process.signal_received = lambda name: signal_group(child.pid, name)
    feeding = asyncio.ensure_future(feed(process, child))
    try:
        await asyncio.gather(pump(child.stdout, process.stdout), pump(child.stderr, process.stderr))
    except (OSError, asyncssh.Error):
        pass
    code = await child.wait()
    feeding.cancel()
    if code < 0:
        process.exit_with_signal(signal.Signals(-code).name[3:], False, "", "")
    else:
        process.exit(code)


async def main(port, host_key, authorized):
    await asyncssh.listen("0.0.0.0", port, server_host_keys=[host_key],
                          authorized_client_keys=authorized, process_factory=handle,
                          encoding=None, allow_pty=False, backlog=512)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
