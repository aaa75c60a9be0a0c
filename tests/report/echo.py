"""A server that answers its clients in threads, and the clients: calls that overlap."""

import socket
import sys
import threading


def answer(connection: socket.socket) -> None:
    while data := connection.recv(100):
        connection.sendall(data)
    connection.close()


def serve(listener: socket.socket, count: int) -> None:
    for _ in range(count):
        threading.Thread(target=answer, args=(listener.accept()[0],)).start()


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    if sys.argv[1:] == ["serve"]:
        serve(listener, 1000)
        return
    server = threading.Thread(target=serve, args=(listener, 3))
    server.start()
    for _ in range(3):
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"hello")
            client.recv(100)
    server.join()


main()
