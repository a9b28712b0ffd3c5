//! Journeys through the real routers: on the seam, over TCP, and with the binary itself.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "tests")]

mod accounts;
mod contract;
mod copy;
mod database;
mod disk;
mod end_all;
mod feed;
mod foreign;
mod forward_auth;
mod gateway;
mod gateways_only;
mod hops;
mod imports;
mod keys;
mod limits;
mod lives;
mod metrics;
mod nodes;
mod outages;
mod problems;
mod process;
mod sessions;
mod site;
mod support;
