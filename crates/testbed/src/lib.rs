//! What tests need from the machine, and nothing but tests: a real PostgreSQL server of their own,
//! and the brief's FastAPI backend.
//!
//! A dependency of tests alone (`[dev-dependencies]`): `cargo xtask test` fails if a part of the product uses it.

pub mod fastapi;
mod port;
pub mod postgres;
