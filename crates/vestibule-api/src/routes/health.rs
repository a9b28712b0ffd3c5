use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::Api;
use crate::error::ApiError;

/// `GET /health`: the process is alive.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /ready`: and its database answers. 503 while it doesn't. It also says whether this node hears of sessions
/// that end on others; while it doesn't, it asks the database at every request (RV-03).
pub(crate) async fn ready(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    api.0.store.ping().await?;
    let revocations = if api.0.store.is_fresh() { "followed" } else { "stale" };
    Ok(Json(json!({"status": "ready", "revocations": revocations})))
}
