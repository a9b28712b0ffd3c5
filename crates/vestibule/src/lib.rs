//! Settings, sockets, wiring. The parts themselves are in the crates below; here they are put together, the
//! same way for the binary and for the tests.

mod access;
mod allowed;
pub mod config_file;
mod doctor;
mod init;
pub mod key_file;
pub mod key_list;
pub mod keys;
mod log;
pub mod metrics;
pub mod observe;
mod operate;
pub mod plans;
pub mod run;
pub mod secrets;
pub mod server;
pub mod settings;
#[cfg(feature = "otlp")]
pub mod traces;
pub mod wiring;
