use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use vestibule_types::Secret;

use crate::Api;
use crate::auth::bearer;
use crate::error::ApiError;
use crate::store::Page;

/// How long a gateway waits at most; an answer without news says that there is none (RV-03).
const HEARTBEAT: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub(crate) struct After {
    after: Option<String>,
}

/// `GET /internal/revocations?after=…`: for gateways, which sessions have ended; held open until one does, for
/// a second at most. Answers 200; 401 without the feed key, 503 while this node does not know by itself.
pub(crate) async fn wait(
    State(api): State<Api>,
    headers: HeaderMap,
    Query(After { after }): Query<After>,
) -> Result<Json<Page>, ApiError> {
    let shown = bearer(&headers)?;
    let fits =
        |key: &Secret| verify_slices_are_equal(shown.as_bytes(), key.to_text().as_bytes()).is_ok();
    if !api.0.settings.feed_keys.iter().any(fits) {
        return Err(ApiError::BadBearer);
    }
    let after = after.as_deref();
    let mut changed = api.0.store.news_changed();
    let page = || {
        let now = api.0.clock.now();
        api.0.store.page_after(after, now).ok_or(ApiError::Behind)
    };
    let first = page()?;
    if first.has_news(after) {
        return Ok(Json(first));
    }
    let _news_or_heartbeat = tokio::time::timeout(HEARTBEAT, changed.changed()).await;
    page().map(Json)
}
