//! The proxies: nginx and Caddy with the files of `examples/`, in which names and ports are put in.

use std::path::Path;

use vestibule_testbed::{Proxy, caddy, free_ports, nginx};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Nginx,
    Caddy,
}

pub const BOTH: [Kind; 2] = [Kind::Nginx, Kind::Caddy];

/// Where everything listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub http: u16,
    pub https: u16,
    pub site: u16,
    pub auth: u16,
}

impl Ports {
    pub fn free() -> Self {
        let [http, https, site, auth] = free_ports();
        Self { http, https, site, auth }
    }
}

impl Kind {
    /// Starts the proxy with `examples/KIND/NAME`, in front of these ports and of `app`.
    pub fn start(self, name: &str, ports: Ports, app: u16) -> Proxy {
        let Ports { http, https, site, auth } = ports;
        let (folder, end) = match self {
            Self::Nginx => ("nginx", "conf"),
            Self::Caddy => ("caddy", "Caddyfile"),
        };
        let mut text = example(&format!("{folder}/{name}.{end}"));
        let mut put = |old: &str, new: String| {
            assert!(text.contains(old), "{old:?} is in no {folder}/{name}.{end}");
            text = text.replace(old, &new);
        };
        put("127.0.0.1:3000", format!("127.0.0.1:{site}"));
        if name == "forward-auth" {
            put("127.0.0.1:3001", format!("127.0.0.1:{auth}"));
            put("127.0.0.1:8080", format!("127.0.0.1:{app}"));
        }
        let listening = [http, https];
        let started = match self {
            Self::Nginx => {
                put("listen 80;", format!("listen 127.0.0.1:{http};"));
                put("listen 443 ssl", format!("listen 127.0.0.1:{https} ssl"));
                put("/etc/ssl/app.example.com/", String::new());
                put("app.example.com", "localhost".to_owned());
                nginx::start(&text, &listening)
            }
            Self::Caddy => {
                // One block for both schemes, as Caddy has it where it fetches certificates by itself; with a
                // certificate of ours it takes two.
                let (before, block) = text.split_once(ADDRESSES).expect("it has the addresses");
                let text = format!(
                    "{before}\nhttp://localhost:{http} {{{block}\nhttps://localhost:{https} {{\ntls certificate.pem key.pem{block}"
                );
                caddy::start(&text, &listening)
            }
        };
        started.unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Where the site of an example begins.
const ADDRESSES: &str = "\nhttp://app.example.com, https://app.example.com {";

fn example(name: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let path = top.join("examples").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
