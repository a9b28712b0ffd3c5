//! How the parts are joined: the API by itself, the site in front of any API, or both with nothing in between.

use std::time::Duration;

use axum::Json;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use url::Url;
use vestibule_api::{Api, ApiSettings, SigningKeys, StartError, Store};
use vestibule_gateway::{
    App, Gateway, GatewaySettings, HopSettings, InvalidUpstream, Plan, Problem, SealKeys, Site,
    Upstream,
};
use vestibule_types::{Clock, Detail};

use crate::observe::{Ids, caught, observed};
use crate::secrets::Secrets;

/// Name of the database in the data folder.
pub const DATABASE: &str = "vestibule.sqlite";

/// What a site is made of, besides its API.
pub struct SiteParts {
    /// The public origin.
    pub site: Site,
    /// Seal the cookie.
    pub secrets: Secrets,
    /// What goes where.
    pub plan: Plan,
    /// How old the knowledge of revocations may be before guarded pages are refused.
    pub max_stale: Duration,
    /// Proxies in front of the site.
    pub hops: HopSettings,
}

/// The API, and what is served on its own socket: its routes and its documentation.
///
/// # Errors
/// [`StartError`].
pub async fn api(
    store: Store,
    keys: SigningKeys,
    settings: ApiSettings,
    clock: Clock,
) -> Result<(Api, App), StartError> {
    let docs = settings.docs;
    let api = Api::start(store, keys, settings, clock).await?;
    let mut router = api.router();
    if docs {
        router = router.merge(vestibule_ui::reference(&Api::openapi()));
    }
    let app = caught(router, || {
        let detail = Json(Detail::text("Internal Server Error"));
        (StatusCode::INTERNAL_SERVER_ERROR, [(CACHE_CONTROL, "no-store")], detail)
    });
    Ok((api, observed(app, "api", Ids::Given)))
}

/// The site in front of `api`, and its gateway, which follows no revocations yet.
pub fn site(parts: SiteParts, api: Upstream, clock: Clock) -> (Gateway, App) {
    let SiteParts { site, secrets, plan, max_stale, hops } = parts;
    let keys = SealKeys::new(secrets.first, secrets.older);
    let settings = GatewaySettings { site, plan, max_stale, hops };
    let gateway = Gateway::new(settings, &keys, api, clock);
    let app = caught(vestibule_ui::site(gateway.clone()), || Problem::INTERNAL);
    let app = vestibule_ui::with_error_pages(&gateway, app);
    (gateway, observed(app, "gateway", Ids::Own))
}

/// The API at `url`, given with or without `/api/v1` at its end.
///
/// # Errors
/// [`InvalidUpstream`].
pub fn api_at(url: &Url) -> Result<Upstream, InvalidUpstream> {
    let mut base = url.clone();
    let path = base.path().trim_end_matches('/');
    let prefix = path.strip_suffix("/api/v1").unwrap_or(path).to_owned();
    base.set_path(&prefix);
    Upstream::at(&base)
}
