use tokio::net::TcpListener;
use vestibule_api::{Api, ApiSettings, SigningKeys};
use vestibule_gateway::App;
use vestibule_types::Clock;

use super::files;
use super::secrets::{FEED_KEY, feed_key, signing_keys};
use super::serving::{Part, host_of, metrics_address, metrics_part, say, serve_all};
use super::{RunError, database, open_store};
use crate::allowed::{check_api, is_loopback, short_ttl};
use crate::key_file::{self, KeyFile, differ};
use crate::secrets::{Named, Secrets};
use crate::server::{Places, listen};
use crate::settings::{ApiArgs, ApiOnly, DataArgs, Switch};
use crate::wiring;

/// Most connections, which come from gateways and from anybody: whose they are is not told apart.
const CONNECTIONS: usize = 10_000;

/// The identity API alone.
pub(super) async fn run(settings: ApiOnly) -> Result<(), RunError> {
    let ApiOnly { api: args, feed, data, process } = settings;
    let metrics = metrics_part(&process).await?;
    let socket = listen(args.api_listen, "--api-listen").await?;
    let is_exposed = !is_loopback(&socket)?;
    let mut weak = Vec::new();
    check_api(&args, is_exposed, &mut weak)?;
    let (keys, key_file) = signing_keys(&args, &data.data, is_exposed)?;
    let feed_key = feed_key(&feed, &data.data, is_exposed)?;
    if args.gateways_only && feed_key.is_none() {
        let said = format!(
            "--gateways-only needs the key that gateways show: set {FEED_KEY} here and at the gateways"
        );
        return Err(RunError::Setting(said));
    }
    let others: Named = feed_key.clone().map(|key| (FEED_KEY, key)).into_iter().collect();
    differ(&others, Some(&keys))?;
    let clock = Clock::system();
    let (api, app) = open_api(&args, &data, keys, feed_key.as_ref(), &socket, &clock).await?;
    follow_keys(key_file, &api, others);

    let url = format!("http://{}", host_of(socket.local_addr()?));
    say(
        [
            ("API", format!("{url}/api/v1")),
            (
                "Docs",
                if api_docs(&args, &socket) { format!("{url}/docs") } else { "off".to_owned() },
            ),
            ("Data", database(&data)?.to_string()),
        ]
        .into_iter()
        .chain(metrics_address(metrics.as_ref())?),
        &weak,
        &format!("Next: put a site in front of it: vestibule gateway --api {url}"),
    );
    let places = Places::unshared(files::connections(CONNECTIONS));
    let parts = [Part::new(socket, app, places)].into_iter().chain(metrics);
    serve_all(parts, process.drain, || {}).await?;
    api.close().await;
    Ok(())
}

pub(super) async fn open_api(
    args: &ApiArgs,
    data: &DataArgs,
    keys: SigningKeys,
    feed_key: Option<&Secrets>,
    socket: &TcpListener,
    clock: &Clock,
) -> Result<(Api, App), RunError> {
    let store = open_store(&database(data)?).await?;
    let settings = ApiSettings {
        access_ttl: args.access_ttl,
        refresh_ttl: args.refresh_ttl,
        short_ttl: short_ttl(args),
        session_cap: args.session_cap,
        idle_limit: args.idle_limit,
        fresh_login: args.fresh_login,
        throttle: args.throttle == Switch::On,
        cors_origins: args.cors_origin.clone(),
        trusted_proxies: args.trusted_proxy.iter().copied().collect(),
        docs: api_docs(args, socket),
        feed_keys: feed_key.map(|keys| keys.all().cloned().collect()).unwrap_or_default(),
        gateways_only: args.gateways_only,
    };
    Ok(wiring::api(store, keys, settings, clock.clone()).await?)
}

pub(super) fn api_docs(args: &ApiArgs, socket: &TcpListener) -> bool {
    args.docs.map_or_else(|| is_loopback(socket).unwrap_or(false), |docs| docs == Switch::On)
}

/// Follows the file beside the server, until the process ends.
pub(super) fn follow_keys(file: Option<KeyFile>, api: &Api, others: Named) {
    if let Some(file) = file {
        tokio::spawn(key_file::follow(file, api.clone(), others));
    }
}
