use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;

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
    let key = api.0.settings.feed_key.as_ref().ok_or(ApiError::BadBearer)?;
    if verify_slices_are_equal(shown.as_bytes(), key.to_text().as_bytes()).is_err() {
        return Err(ApiError::BadBearer);
    }
    let after = after.as_deref();
    let mut changed = api.0.store.news_changed();
    let page = async || api.0.store.page_after(after).ok_or(ApiError::Behind);
    let first = page().await?;
    if first.has_news(after) {
        return Ok(Json(first));
    }
    let _news_or_heartbeat = tokio::time::timeout(HEARTBEAT, changed.changed()).await;
    page().await.map(Json)
}
