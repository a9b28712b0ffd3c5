//! Whether a request comes from one of our gateways (GW-22). docs/decisions.md has the shape of what shows it.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Api;
use crate::error::ApiError;

const PASS: &str = "x-vestibule-pass";

/// Seconds that the clocks of gateway and API may differ by, besides the minute that a pass lives.
const SKEW: i64 = 60;

/// What others may ask too: whether it works, and the public keys. The feed asks for its key itself.
const OPEN: [&str; 4] = ["/health", "/ready", "/.well-known/jwks.json", "/internal/revocations"];

pub(crate) async fn gateways_only(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    if is_open || has_pass(&api, &request) {
        return next.run(request).await;
    }
    ApiError::NotAGateway.into_response()
}

fn has_pass(api: &Api, request: &Request) -> bool {
    let pass = request.headers().get(PASS).and_then(|pass| pass.to_str().ok());
    let Some((until, mac)) = pass.and_then(|pass| pass.split_once('.')) else { return false };
    let Ok(mac) = URL_SAFE_NO_PAD.decode(mac) else { return false };
    let now = api.0.clock.now();
    let is_in_time =
        until.parse::<i64>().is_ok_and(|until| (now - SKEW..=now + 60 + SKEW).contains(&until));
    let said = format!("vestibule pass {until}");
    let fits = |key: &vestibule_types::Secret| {
        let key = hmac::Key::new(HMAC_SHA256, key.reveal());
        hmac::verify(&key, said.as_bytes(), &mac).is_ok()
    };
    is_in_time && api.0.settings.feed_keys.iter().any(fits)
}
