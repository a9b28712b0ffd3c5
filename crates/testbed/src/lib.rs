//! What tests need from the machine, and nothing but tests: a real PostgreSQL server of their own, real proxies,
//! and the brief's FastAPI backend.
//!
//! A dependency of tests alone (`[dev-dependencies]`): `cargo xtask test` fails if a part of the product uses it.

pub mod caddy;
pub mod certificate;
pub mod fastapi;
pub mod nginx;
mod port;
pub mod postgres;
mod proxy;

pub use proxy::{Proxy, free_ports};
