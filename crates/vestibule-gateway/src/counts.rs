//! What the gateway counts, for whoever collects it. Names and meaning: docs/operations.md.

use metrics::counter;

use crate::flight::Refreshed;

/// Counts what the API said to a refresh, and hands it on.
pub(crate) fn refresh(refreshed: Refreshed) -> Refreshed {
    let outcome = match &refreshed {
        Refreshed::Tokens(_) => "ok",
        Refreshed::Over => "over",
        Refreshed::Outage(_) => "outage",
    };
    counter!("vestibule_gateway_refreshes_total", "outcome" => outcome).increment(1);
    refreshed
}

/// Counts a session that has begun.
pub(crate) fn begun() {
    counter!("vestibule_sessions_begun_total", "role" => "gateway").increment(1);
}

/// Counts a session that this gateway has ended.
pub(crate) fn ended(reason: &'static str) {
    counter!("vestibule_sessions_ended_total", "role" => "gateway", "reason" => reason)
        .increment(1);
}
