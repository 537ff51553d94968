"""An ssh server on paramiko: paramiko_server.py PORT HOST_KEY AUTHORIZED_KEYS

It runs each command with /bin/sh in a session of its own. It opens no terminals; paramiko has no
way to tell it of signals, nor to say that one has ended a command."""
import socket
import subprocess
import sys
import threading

import paramiko


class Server(paramiko.ServerInterface):
    def __init__(self, authorized):
        self.authorized = authorized

    def check_channel_request(self, kind, number):
        return paramiko.OPEN_SUCCEEDED

    def check_auth_publickey(self, user, key):
        known = key.get_base64() in self.authorized
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def get_allowed_auths(self, user):
        return "publickey"

    def check_channel_exec_request(self, channel, text):
        threading.Thread(target=run, args=(channel, text), daemon=True).start()
        return True


def pump(stream, send):
    try:
        while data := stream.read1(32768):
            send(data)
    except (OSError, EOFError):
        pass


def feed(channel, stream):
    try:
        while data := channel.recv(32768):
            stream.write(data)
            stream.flush()
    except OSError:
        pass
    try:
        stream.close()
    except OSError:
        pass


def run(channel, text):
    pipe = subprocess.PIPE
    child = subprocess.Popen([b"/bin/sh", b"-c", text], stdin=pipe, stdout=pipe, stderr=pipe,
                             start_new_session=True)
    pumps = [threading.Thread(target=pump, args=(child.stdout, channel.sendall)),
             threading.Thread(target=pump, args=(child.stderr, channel.sendall_stderr))]
    threading.Thread(target=feed, args=(channel, child.stdin), daemon=True).start()
    for thread in pumps:
        thread.start()
    for thread in pumps:
        thread.join()
    code = child.wait()
    try:
        channel.send_exit_status(code if code >= 0 else 128 - code)
        channel.shutdown_write()
        channel.close()
    except (OSError, EOFError):
        pass


def serve(connection, key, authorized):
    transport = paramiko.Transport(connection)
    transport.add_server_key(key)
    try:
        transport.start_server(server=Server(authorized))
        transport.join()
    except (OSError, EOFError, paramiko.SSHException):
        pass


def main(port, host_key, authorized):
    key = paramiko.Ed25519Key(filename=host_key)
    with open(authorized, encoding="ascii") as file:
        known = {line.split()[1] for line in file if line.strip()}
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(512)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, key, known), daemon=True).start()


main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
