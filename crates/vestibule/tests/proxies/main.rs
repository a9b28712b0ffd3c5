//! Vestibule behind real proxies, and what it says on raw sockets: the binary, an upstream that echoes, and in
//! between the very files of `examples/`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "tests")]

mod app;
mod browser;
mod cache;
mod forward_auth;
mod front;
mod raw;
mod reverse;
mod vestibule;
