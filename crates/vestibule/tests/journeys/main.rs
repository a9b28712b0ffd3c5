//! Journeys through the real routers: on the seam, over TCP, and with the binary itself.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "tests")]

mod access_log;
mod accounts;
mod conformance;
mod contract;
mod copy;
mod database;
mod dialects;
mod disk;
mod end_all;
mod ending;
mod fastapi;
mod feed;
mod foreign;
mod forward_auth;
mod framing;
mod gateway;
mod gateways_only;
mod hops;
mod http2;
mod imports;
mod keys;
mod limits;
mod lives;
mod metrics;
mod nodes;
mod outages;
mod problems;
mod process;
mod proxy_protocol;
mod served;
mod sessions;
mod site;
mod support;
mod tls;
mod traces;
