//! Journeys through the real routers: on the seam, over TCP, and with the binary itself.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "tests")]

mod accounts;
mod contract;
mod foreign;
mod gateway;
mod limits;
mod lives;
mod process;
mod sessions;
mod site;
mod support;
