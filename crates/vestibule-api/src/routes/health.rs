use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::Api;
use crate::error::ApiError;

/// `GET /health`: the process is alive.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /ready`: and its database answers. 503 while it doesn't.
pub(crate) async fn ready(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    api.0.store.ping().await?;
    Ok(Json(json!({"status": "ready"})))
}
