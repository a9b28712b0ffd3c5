//! A private Caddy (2.6 or newer).

use std::path::PathBuf;

use crate::certificate::Certificate;
use crate::proxy::{Folder, Proxy, program};

/// Debian's package.
pub const PACKAGE: &str = "caddy";

/// Where Caddy is.
///
/// # Errors
/// What to install.
pub fn find() -> Result<PathBuf, String> {
    program("caddy", PACKAGE)
}

/// Starts Caddy with a Caddyfile without global options, in which `certificate.pem` and `key.pem` are those of
/// [`Certificate::shared`]. It fetches no certificate, and listens on `ports`.
///
/// # Errors
/// What is missing, or what Caddy said.
pub fn start(caddyfile: &str, ports: &[u16]) -> Result<Proxy, String> {
    let (caddy, folder) = (find()?, Folder::new()?);
    let certificate = Certificate::shared();
    folder.write("certificate.pem", &certificate.pem)?;
    folder.write("key.pem", &certificate.key)?;
    folder.write("Caddyfile", &format!("{{\nadmin off\nauto_https off\n}}\n{caddyfile}"))?;
    Proxy::start(&caddy, &["run", "--config", "Caddyfile"], folder, ports)
}
