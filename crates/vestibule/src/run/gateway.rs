use std::time::Duration;

use vestibule_gateway::{FeedLost, Gateway, Pass, Site, Upstream};
use vestibule_types::Clock;

use super::RunError;
use super::edge::{http_address, http_part, site_edge};
use super::forward_auth::{forward_auth_address, forward_auth_part};
use super::secrets::{AUTH_SECRET, FEED_KEY, auth_secret, feed_source};
use super::serving::{Part, metrics_address, metrics_part, say, serve_all};
use crate::allowed::{check_site, is_exposed, public_site};
use crate::key_file::differ;
use crate::plans::Plans;
use crate::secrets::Secrets;
use crate::server::listen;
use crate::settings::{GatewayOnly, SiteArgs};
use crate::wiring::{self, SiteParts};

/// Printed by a gateway that does not follow revocations.
const NO_FEED: &str = "sign-outs elsewhere reach this site only when the API is asked, at the latest when an access token ends: set VESTIBULE_FEED_KEY here and at the API";

/// How often, and how far apart, a gateway looks for its API before it gives up.
const PROBES: u32 = 8;
const BETWEEN_PROBES: Duration = Duration::from_millis(250);

/// The site alone.
pub(super) async fn run(settings: GatewayOnly) -> Result<(), RunError> {
    let GatewayOnly { api: url, site: args, feed, data, process } = settings;
    let metrics = metrics_part(&process).await?;
    let socket = listen(args.site_listen, "--site-listen").await?;
    let site = public_site(&args, &socket)?;
    let mut weak = Vec::new();
    check_site(&args, &site, &socket, &mut weak)?;
    let is_exposed = is_exposed(&site, &args, &socket)?;
    let secret = auth_secret(&args, &data.data, is_exposed)?;
    let feed_key = feed_source(&feed, &data.data, is_exposed).given()?;
    let mut others = vec![(AUTH_SECRET, secret.clone())];
    others.extend(feed_key.clone().map(|key| (FEED_KEY, key)));
    differ(&others, None)?;
    let api = wiring::api_at(&url).map_err(|cause| RunError::Upstream { flag: "--api", cause })?;
    let clock = Clock::system();
    let pass = feed_key.as_ref().map(|keys| Pass::new(&keys.first, clock.clone()));
    let api = pass.into_iter().fold(api, Upstream::with_pass);
    let plans = Plans::new(args.clone(), api.clone());
    let parts = site_parts(&args, site.clone(), secret, &plans)?;
    let edge = site_edge(&args, &site, &clock)?;
    let http = http_part(&args.edge, &site, &edge).await?;
    let (gateway, app) = wiring::site(parts, api, clock);
    find_api(&gateway, &url).await?;
    if !follow(&gateway, feed_key, &url).await? {
        weak.push(NO_FEED.to_owned());
    }
    let forward_auth = forward_auth_part(&args.hops, &gateway, &mut weak).await?;

    say(
        [("Site", site.origin().to_owned()), ("API", url.to_string())]
            .into_iter()
            .chain(http_address(http.as_ref())?)
            .chain(forward_auth_address(forward_auth.as_ref())?)
            .chain(metrics_address(metrics.as_ref())?),
        &weak,
        &format!("Next: open {}", site.origin()),
    );
    let again = || plans.read_again(&gateway);
    let parts = [Part { socket, app, edge }];
    let parts = parts.into_iter().chain(http).chain(forward_auth).chain(metrics);
    serve_all(parts, process.drain, again).await
}

pub(super) fn site_parts(
    args: &SiteArgs,
    site: Site,
    secrets: Secrets,
    plans: &Plans,
) -> Result<SiteParts, RunError> {
    let max_stale = Duration::from_secs(args.max_stale);
    let hops = args.hops.settings();
    Ok(SiteParts { site, secrets, plan: plans.read()?, max_stale, hops })
}

async fn find_api(gateway: &Gateway, url: &url::Url) -> Result<(), RunError> {
    let mut tries = 1;
    loop {
        match gateway.probe().await {
            Ok(()) => return Ok(()),
            Err(cause) if tries == PROBES => {
                return Err(RunError::NoApi { url: url.to_string(), cause });
            }
            Err(_) => tokio::time::sleep(BETWEEN_PROBES).await,
        }
        tries += 1;
    }
}

/// Follows the API's revocations, if there is a key. Whether the API has them; an outage says nothing of that,
/// and until it is over the site is not ready (RV-06).
async fn follow(gateway: &Gateway, key: Option<Secrets>, url: &url::Url) -> Result<bool, RunError> {
    let Some(key) = key else { return Ok(false) };
    match gateway.follow_revocations(&key.first).await {
        Ok(has_feed) => Ok(has_feed),
        Err(FeedLost::Refused) => Err(RunError::FeedKey(url.to_string())),
        Err(FeedLost::TooMany | FeedLost::Outage(_)) => Ok(true),
    }
}
