//! A private nginx (1.22 or newer).

use std::path::PathBuf;

use crate::certificate::Certificate;
use crate::proxy::{Folder, Proxy, program};

/// Debian's package.
pub const PACKAGE: &str = "nginx-light";

/// Where nginx is.
///
/// # Errors
/// What to install.
pub fn find() -> Result<PathBuf, String> {
    program("nginx", PACKAGE)
}

/// Starts nginx with what `configuration` says inside `http { … }`. In it, `certificate.pem` and `key.pem` are those of
/// [`Certificate::shared`], and other relative paths are in a folder of its own. It listens on `ports`.
///
/// # Errors
/// What is missing, or what nginx said.
pub fn start(configuration: &str, ports: &[u16]) -> Result<Proxy, String> {
    let (nginx, folder) = (find()?, Folder::new()?);
    let certificate = Certificate::shared();
    let names = [
        ("certificate.pem", folder.write("certificate.pem", &certificate.pem)?),
        ("key.pem", folder.write("key.pem", &certificate.key)?),
    ];
    let mut configuration = configuration.to_owned();
    for (name, path) in &names {
        configuration = configuration.replace(name, path);
    }
    let site = folder.write("site.conf", &configuration)?;
    let top = site.trim_end_matches("/site.conf");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {top}/{what};\n"))
        .concat();
    // Its workers would be somebody who may not write here; only root can have that.
    let main = format!(
        "user root;\nworker_processes 1;\npid {top}/pid;\nerror_log stderr notice;\nevents {{}}\nhttp {{\n\
         access_log off;\n{temporary}include {site};\n}}\n"
    );
    let main = folder.write("nginx.conf", &main)?;
    let arguments = ["-p", top, "-c", &main, "-g", "daemon off;", "-e", "stderr"];
    Proxy::start(&nginx, &arguments, folder, ports)
}
