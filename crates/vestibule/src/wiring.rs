//! How the parts are joined: the API by itself, the site in front of any API, or both with nothing in between.

use std::path::Path;

use axum::Router;
use url::Url;
use vestibule_api::{Api, ApiSettings, SigningKeys, Store};
use vestibule_gateway::{Gateway, InvalidUpstream, PathPattern, SealKeys, Site, Upstream};
use vestibule_types::Clock;

use crate::observe::{Ids, observed};
use crate::secrets::Secrets;

/// Name of the database in the data folder.
pub const DATABASE: &str = "vestibule.sqlite";

/// What a site is made of, besides its API.
pub struct SiteParts {
    /// The public origin.
    pub site: Site,
    /// Seal the cookie.
    pub secrets: Secrets,
    /// The web server behind the site, if there is one.
    pub ui: Option<Upstream>,
    /// Paths that need a session, besides `/dashboard/**`.
    pub protect: Vec<PathPattern>,
}

/// Opens the database in the data folder and brings it up to date.
///
/// # Errors
/// If it can't be opened, or is newer than this program.
pub async fn open_store(data: &Path) -> sqlx::Result<Store> {
    Store::open(&data.join(DATABASE)).await
}

/// The API, and what is served on its own socket: its routes and its documentation.
///
/// # Errors
/// If the hashing threads can't be started.
pub fn api(
    store: Store,
    keys: SigningKeys,
    settings: ApiSettings,
    clock: Clock,
) -> Result<(Api, Router), vestibule_api::StartError> {
    let docs = settings.docs;
    let api = Api::new(store, keys, settings, clock)?;
    let mut router = api.router();
    if docs {
        router = router.merge(vestibule_ui::reference(&Api::openapi()));
    }
    Ok((api, observed(router, Ids::Given)))
}

/// The site in front of `api`, and its gateway.
pub fn site(parts: SiteParts, api: Upstream, clock: Clock) -> (Gateway, Router) {
    let keys = SealKeys::new(parts.secrets.first, parts.secrets.older);
    let gateway = Gateway::new(parts.site, &keys, api, parts.ui, parts.protect, clock);
    let router = vestibule_ui::site(gateway.clone());
    (gateway, observed(router, Ids::Own))
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
