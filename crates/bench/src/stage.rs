//! What stands on the machine while others are measured: folder, ports, the API, the gateway and somebody who has signed in.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use vestibule_testbed::free_ports;

use crate::Failure;
use crate::fixture::{BROWSER, PERSON};
use crate::load::{Answer, Target};
use crate::process::Server;

/// Base64 of [`SIGNING_TEXT`], in both alphabets, without padding.
pub(crate) const SIGNING_KEY: &str = "dlE5a3pMMnN4UjdobVc0ZGtUMWFiSjhwblkzd2dGNmM";

/// 32 letters and digits, for HAProxy takes its key as text.
pub(crate) const SIGNING_TEXT: &str = "vQ9kzL2sxR7hmW4dkT1abJ8pnY3wgF6c";

/// Connections that one address may have here, which all come from one.
const MOST_CONNECTIONS: &str = "19000";

/// Folder and programs.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    build: PathBuf,
}

impl Stage {
    /// A folder of its own for programs in `build`.
    pub(crate) fn new(build: &Path) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("vestibule-bench-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, build: build.to_owned() })
    }

    /// A file for what the server `name` says.
    pub(crate) fn log(&self, name: &str) -> Result<File, Failure> {
        Ok(File::create(self.folder.join(format!("{}.log", name.replace([' ', '/'], "-"))))?)
    }

    /// One of [`crate::servers::Kind`].
    pub(crate) fn bare(&self, kind: &str) -> Result<(Server, SocketAddr), Failure> {
        self.bare_to(kind, None)
    }

    /// One of them that passes on to `to`.
    pub(crate) fn bare_to(
        &self,
        kind: &str,
        to: Option<SocketAddr>,
    ) -> Result<(Server, SocketAddr), Failure> {
        let mut command = Command::new(self.build.join("vestibule-bench"));
        command.args(["serve", kind]).args(to.map(|to| format!("--to={to}")));
        Server::announced(&format!("bare {kind}"), command)
    }

    /// The API, with access log and metrics, and one account.
    pub(crate) fn api(&self) -> Result<(Server, SocketAddr), Failure> {
        let [metrics] = free_ports();
        self.api_on(&self.folder.join(format!("data-{metrics}")), None)
    }

    /// The same with its data in `folder`, or in a database of PostgreSQL.
    pub(crate) fn api_on(
        &self,
        folder: &Path,
        postgres: Option<&str>,
    ) -> Result<(Server, SocketAddr), Failure> {
        let [port, metrics] = free_ports();
        let mut command = self.vestibule("api", metrics, folder)?;
        command.args(["--api-listen", &local(port).to_string(), "--throttle", "off"]);
        command.envs(postgres.map(|url| ("DATABASE_URL", url)));
        let server =
            Server::start("the API", command, self.log("api")?, &get(local(port), "/health", ""))?;
        Ok((server, local(port)))
    }

    /// The gateway in front of the API at `api`, with access log and metrics, and a guarded route to `application` with the token attached.
    pub(crate) fn gateway(
        &self,
        api: SocketAddr,
        application: SocketAddr,
    ) -> Result<(Server, SocketAddr), Failure> {
        let [port, metrics] = free_ports();
        let data = self.folder.join(format!("data-{metrics}"));
        let mut command = self.vestibule("gateway", metrics, &data)?;
        command.args([
            "--site-listen",
            &local(port).to_string(),
            "--api",
            &format!("http://{api}"),
        ]);
        command
            .args(["--route", &format!("/app/** = http://{application} token=attach guard=true")]);
        command.args([
            "--max-connections",
            MOST_CONNECTIONS,
            "--max-connections-per-address",
            MOST_CONNECTIONS,
        ]);
        let server = Server::start(
            "the gateway",
            command,
            self.log("gateway")?,
            &get(local(port), "/health", ""),
        )?;
        Ok((server, local(port)))
    }

    /// Gateway and API in one: the site's address, and the API's.
    pub(crate) fn both(&self) -> Result<(Server, SocketAddr, SocketAddr), Failure> {
        let [port, api, metrics] = free_ports();
        let data = self.folder.join(format!("data-{metrics}"));
        let mut command = self.vestibule("", metrics, &data)?;
        command.args([
            "--site-listen",
            &local(port).to_string(),
            "--api-listen",
            &local(api).to_string(),
        ]);
        let server =
            Server::start("both", command, self.log("both")?, &get(local(port), "/health", ""))?;
        Ok((server, local(port), local(api)))
    }

    fn vestibule(&self, role: &str, metrics: u16, data: &Path) -> Result<Command, Failure> {
        fs::create_dir_all(data)?;
        let mut command = Command::new(self.build.join("vestibule"));
        command.env_clear().env("VESTIBULE_SIGNING_KEY", SIGNING_KEY);
        command.args((!role.is_empty()).then_some(role)).arg("--data").arg(data);
        command.args(["--metrics-listen", &local(metrics).to_string()]);
        Ok(command)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// 127.0.0.1 and `port`.
pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A browser's `GET` for `path`, with further header lines, each with its end.
pub(crate) fn get(address: SocketAddr, path: &str, more: &str) -> Target {
    let browser: String =
        BROWSER.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let host = host(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{browser}{more}\r\n");
    Target { address, request: request.into_bytes() }
}

/// A `POST` of `body`.
pub(crate) fn post(address: SocketAddr, path: &str, kind: &str, more: &str, body: &str) -> Target {
    let host = host(address);
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    );
    Target { address, request: request.into_bytes() }
}

fn host(address: SocketAddr) -> String {
    format!("localhost:{}", address.port())
}

/// Makes the account at the API or the FastAPI backend.
pub(crate) fn register(api: SocketAddr) -> Result<(), Failure> {
    let person = json!({"name": "Ada Lovelace", "username": PERSON[0].1, "email": "ada@example.com", "password": PERSON[1].1});
    expect(201, &post(api, "/api/v1/user", "application/json", "", &person.to_string()))?;
    Ok(())
}

/// The login at an API.
pub(crate) fn login(api: SocketAddr, path: &str, more: &str) -> Target {
    let form = format!("username={}&password={}", PERSON[0].1, PERSON[1].1);
    post(api, path, "application/x-www-form-urlencoded", more, &form)
}

/// An access token of the account.
pub(crate) fn access_token(api: SocketAddr) -> Result<String, Failure> {
    let answer = expect(200, &login(api, "/api/v1/login", ""))?;
    let body: Value = serde_json::from_str(&answer.body)?;
    Ok(body["access_token"].as_str().ok_or("the login has no access token")?.to_owned())
}

/// The cookies of a browser that has signed in at the site.
pub(crate) fn cookies(site: SocketAddr) -> Result<String, Failure> {
    let more = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", host(site));
    let answer = expect(303, &login(site, "/login", &more))?;
    let pairs = answer.values("set-cookie").filter_map(|line| line.split(';').next());
    Ok(pairs.chain(["theme=dark"]).collect::<Vec<_>>().join("; "))
}

fn expect(status: u16, target: &Target) -> Result<Answer, Failure> {
    let answer = target.answer()?;
    match answer.status == status {
        true => Ok(answer),
        false => Err(format!("{status} was expected: {} {}", answer.head, answer.body).into()),
    }
}
