//! What a client says on a raw socket: hosts, and names of headers.
