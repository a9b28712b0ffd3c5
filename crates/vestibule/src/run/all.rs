use vestibule_gateway::{Pass, Upstream};
use vestibule_types::Clock;

use super::api::{api_docs, follow_keys, open_api};
use super::edge::{http_address, http_part, site_edge};
use super::forward_auth::{forward_auth_address, forward_auth_part};
use super::gateway::site_parts;
use super::secrets::{AUTH_SECRET, FEED_KEY, auth_secret, feed_key, signing_keys};
use super::serving::{Part, host_of, metrics_address, metrics_part, say, serve_all};
use super::{RunError, database};
use crate::allowed::{check_api, check_site, is_exposed, is_loopback, public_site};
use crate::key_file::differ;
use crate::plans::Plans;
use crate::secrets::{Secrets, random_secret};
use crate::server::listen;
use crate::settings::Serve;
use crate::wiring;

/// The site and the identity API in one process.
pub(super) async fn run(settings: Serve) -> Result<(), RunError> {
    let Serve { site: site_args, api: api_args, feed, data, process } = settings;
    let metrics = metrics_part(&process).await?;
    let site_socket = listen(site_args.site_listen, "--site-listen").await?;
    let api_socket = listen(api_args.api_listen, "--api-listen").await?;
    let site = public_site(&site_args, &site_socket)?;
    let mut weak = Vec::new();
    check_site(&site_args, &site, &site_socket, &mut weak)?;
    let is_exposed = is_exposed(&site, &site_args, &site_socket)? || !is_loopback(&api_socket)?;
    check_api(&api_args, is_exposed, &mut weak)?;

    let secret = auth_secret(&site_args, &data.data, is_exposed)?;
    let (keys, key_file) = signing_keys(&api_args, &data.data, is_exposed)?;
    // If there is none, one that nobody else knows: the site in this process follows all the same.
    let feed_key = match feed_key(&feed, &data.data, is_exposed)? {
        Some(keys) => keys,
        None => Secrets { first: random_secret()?, older: Vec::new() },
    };
    let others = vec![(AUTH_SECRET, secret.clone()), (FEED_KEY, feed_key.clone())];
    differ(&others, Some(&keys))?;
    let clock = Clock::system();
    let edge = site_edge(&site_args, &site, &clock)?;
    let http = http_part(&site_args.edge, &site, &edge).await?;
    let (api, api_app) =
        open_api(&api_args, &data, keys, Some(&feed_key), &api_socket, &clock).await?;
    follow_keys(key_file, &api, others);
    let pass = Pass::new(&feed_key.first, clock.clone());
    let here = Upstream::in_process(api.router()).with_pass(pass);
    let plans = Plans::with_ours(site_args.clone(), here.clone());
    let parts = site_parts(&site_args, site.clone(), secret, &plans)?;
    let (gateway, site_app) = wiring::site(parts, here, clock);
    // Without it the site says on `/ready` that it is not; the log says why.
    let _goes_on_trying = gateway.follow_revocations(&feed_key.first).await;
    let forward_auth = forward_auth_part(&site_args.hops, &gateway, &mut weak).await?;

    let api_url = format!("http://{}", host_of(api_socket.local_addr()?));
    say(
        [
            ("Site", site.origin().to_owned()),
            ("API", format!("{api_url}/api/v1")),
            (
                "Docs",
                if api_docs(&api_args, &api_socket) {
                    format!("{api_url}/docs")
                } else {
                    "off".to_owned()
                },
            ),
            ("Data", database(&data)?.to_string()),
        ]
        .into_iter()
        .chain(http_address(http.as_ref())?)
        .chain(forward_auth_address(forward_auth.as_ref())?)
        .chain(metrics_address(metrics.as_ref())?),
        &weak,
        &format!("Next: open {}/register and create the first account.", site.origin()),
    );
    let places = edge.places.clone();
    let site = Part { socket: site_socket, app: site_app, edge };
    let parts = [site, Part::new(api_socket, api_app, places)];
    let again = || plans.read_again(&gateway);
    let parts = parts.into_iter().chain(http).chain(forward_auth).chain(metrics);
    serve_all(parts, process.drain, again).await?;
    drop(gateway);
    api.close().await;
    Ok(())
}
