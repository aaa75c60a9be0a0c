"""The socket layer: what the program's sockets are, and the providers that service them."""
