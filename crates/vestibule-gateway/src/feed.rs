//! The feed: the API tells a gateway which sessions are over, by a request that it holds open until there is
//! something to tell, for about a second at most. So a gateway refuses a session that was signed out elsewhere
//! without a call for each request, and knows how old its knowledge is.

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::{Instant, sleep, timeout};
use vestibule_types::Secret;

use crate::gateway::{Gateway, Parts};
use crate::revoked::Page;
use crate::upstream::{Outage, Upstream};

/// Why the API was not heard on revocations.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FeedLost {
    /// It does not know our key.
    #[error("the feed key is refused")]
    Refused,
    /// It has more to tell than a gateway holds (RV-07).
    #[error("there are more revoked sessions than fit in memory")]
    TooMany,
    /// It did not answer, or not with a page of the feed.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// Time for a whole answer. A connection that has silently died must not be waited for (F10).
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two questions: a crowd of sign-outs comes in few answers, and an API that holds nothing open is
/// not overrun.
const PACE: Duration = Duration::from_millis(50);
/// After the first failure; each further one doubles it, up to [`MOST_RETRY`].
const RETRY: Duration = Duration::from_millis(250);
const MOST_RETRY: Duration = Duration::from_secs(1);
/// How often an API that has no feed is asked again: it may have been a proxy's word while the API was away.
const SELDOM: Duration = Duration::from_secs(30);
/// Largest answer, in bytes: a page has up to 10,000 sessions.
const LARGEST: usize = 4 * 1024 * 1024;
/// Largest cursor, in bytes: it becomes part of an address.
const LARGEST_CURSOR: usize = 1024;

impl Gateway {
    /// Follows the API's revocations from now on, until the last clone of this gateway is gone. Comes back when
    /// the list has been loaded once (RV-06), or could not be; then it goes on trying, and guarded pages
    /// are refused. Answers whether the API has a feed at all. To be called once.
    ///
    /// # Errors
    /// [`FeedLost`]: why the list is not loaded yet.
    pub async fn follow_revocations(&self, key: &Secret) -> Result<bool, FeedLost> {
        let mut follower = Follower::new(self, key);
        let first = follower.hear().await;
        tokio::spawn(follower.run(first));
        first
    }
}

/// Who asks. It does not keep the gateway alive.
struct Follower {
    parts: Weak<Parts>,
    api: Upstream,
    bearer: HeaderValue,
    cursor: Option<String>,
    failures: u32,
    patience: Duration,
}

impl Follower {
    fn new(gateway: &Gateway, key: &Secret) -> Self {
        gateway.0.revoked.expect();
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.to_text().as_str()))
            .expect("base64 is legal in a header");
        bearer.set_sensitive(true);
        Self {
            parts: Arc::downgrade(&gateway.0),
            api: gateway.0.api.clone(),
            bearer,
            cursor: None,
            failures: 0,
            patience: PATIENCE,
        }
    }

    async fn run(mut self, mut heard: Result<bool, FeedLost>) {
        while self.parts.strong_count() > 0 {
            sleep(self.pause(heard)).await;
            heard = self.hear().await;
        }
    }

    fn pause(&self, heard: Result<bool, FeedLost>) -> Duration {
        match heard {
            Ok(true) => PACE,
            Ok(false) => SELDOM,
            Err(_) => (RETRY * (1 << self.failures.saturating_sub(1).min(8))).min(MOST_RETRY),
        }
    }

    /// Catches up, and says so in the log when the feed is lost, and when it is back.
    async fn hear(&mut self) -> Result<bool, FeedLost> {
        let heard = self.catch_up().await;
        match heard {
            Err(lost) if self.failures == 0 => {
                tracing::warn!(error = %lost, "revocations are not heard of: trying again");
            }
            Ok(_) if self.failures > 0 => tracing::info!("revocations are heard of again"),
            _ => {}
        }
        self.failures = if heard.is_err() { self.failures.saturating_add(1) } else { 0 };
        self.measure();
        heard
    }

    /// Asks until there is nothing more to tell. Whether the API has a feed.
    async fn catch_up(&mut self) -> Result<bool, FeedLost> {
        loop {
            let asked = timeout(self.patience, self.ask()).await;
            let Some(parts) = self.parts.upgrade() else { return Ok(false) };
            let Some(page) = asked.unwrap_or(Err(Outage::Slow.into()))? else {
                if parts.revoked.give_up() {
                    tracing::warn!(
                        "the API has no feed of revocations: a sign-out elsewhere counts here once the API refuses the token"
                    );
                }
                return Ok(false);
            };
            parts.revoked.learn(&page, Instant::now(), parts.clock.now())?;
            if page.has_news() {
                parts.ends.send_replace(());
            }
            let is_all = !page.more;
            self.cursor = Some(page.cursor);
            if is_all {
                return Ok(true);
            }
        }
    }

    /// One question. `None` if the API has no feed, which it can say at first contact only: later it is an outage.
    async fn ask(&self) -> Result<Option<Page>, FeedLost> {
        let mut path = "/internal/revocations".to_owned();
        if let Some(cursor) = &self.cursor {
            let after = form_urlencoded::byte_serialize(cursor.as_bytes()).collect::<String>();
            path = format!("{path}?after={after}");
        }
        let request = http::Request::get(path).header(header::AUTHORIZATION, self.bearer.clone());
        let request = request.body(Body::empty()).expect("a short path of ours");
        let response = self.api.send(request).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND if self.cursor.is_none() => return Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(FeedLost::Refused),
            _ => return Err(Outage::Failing.into()),
        }
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|_| Outage::Broken)?.to_bytes();
        let page: Page = serde_json::from_slice(&body).map_err(|_| Outage::Failing)?;
        if page.cursor.len() > LARGEST_CURSOR {
            return Err(Outage::Failing.into());
        }
        Ok(Some(page))
    }

    fn measure(&self) {
        let Some(parts) = self.parts.upgrade() else { return };
        let (age, held) = parts.revoked.measures();
        if let Some(age) = age {
            metrics::gauge!("vestibule_revocations_age_seconds", "role" => "gateway").set(age);
        }
        metrics::gauge!("vestibule_revocations_held", "role" => "gateway").set(held as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use axum::Router;
    use axum::response::{IntoResponse as _, Response};
    use axum::routing::get;
    use http::StatusCode;
    use vestibule_types::{Clock, Secret};

    use super::{FeedLost, Follower};
    use crate::gateway::{Gateway, GatewaySettings};
    use crate::plan::{Plan, PlanSettings};
    use crate::revoked::Standing;
    use crate::seal::SealKeys;
    use crate::upstream::{Outage, Upstream};

    /// A gateway whose API answers the n-th question for revocations so.
    fn gateway<F>(answer: impl Fn(u32) -> F + Clone + Send + Sync + 'static) -> Gateway
    where
        F: Future<Output = Response> + Send,
    {
        let asked = Arc::new(AtomicU32::new(0));
        let handler = move || answer(asked.fetch_add(1, Ordering::SeqCst));
        let api = Router::new().route("/internal/revocations", get(handler));
        let api = Upstream::in_process(api);
        let settings = GatewaySettings {
            site: "http://localhost:3000".parse().unwrap(),
            plan: Plan::new(PlanSettings::new(api.clone())).unwrap(),
            hops: crate::arrival::HopSettings::default(),
            max_stale: Duration::from_secs(60),
        };
        let keys = SealKeys::new(Secret::from_random([5; 32]), vec![]);
        Gateway::new(settings, &keys, api, Clock::stopped_at(1_000_000))
    }

    fn page(cursor: &str) -> Response {
        format!(
            r#"{{"cursor":"{cursor}","more":false,"age_ms":0,"everyone_before":0,"revoked":[]}}"#
        )
        .into_response()
    }

    fn key() -> Secret {
        Secret::from_random([9; 32])
    }

    async fn until(is_so: impl Fn() -> bool) {
        let asking = async {
            while !is_so() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), asking).await.expect("it comes true");
    }

    #[tokio::test]
    async fn f10_a_connection_that_has_silently_died_is_given_up() {
        let gateway = gateway(async |asked| match asked {
            0 => std::future::pending().await,
            _ => page("1"),
        });
        let mut follower = Follower::new(&gateway, &key());
        follower.patience = Duration::from_millis(20);
        assert_eq!(follower.hear().await, Err(FeedLost::Outage(Outage::Slow)));
        assert_eq!(gateway.0.revoked.standing(), Standing::Unknown);
        assert_eq!(follower.hear().await, Ok(true));
        assert_eq!(gateway.0.revoked.standing(), Standing::Followed);
    }

    #[tokio::test]
    async fn a_404_means_that_there_is_no_feed_only_while_none_was_seen() {
        let gateway = gateway(async |asked| match asked {
            1 => page("1"),
            _ => StatusCode::NOT_FOUND.into_response(),
        });
        let mut follower = Follower::new(&gateway, &key());
        assert_eq!(follower.hear().await, Ok(false));
        assert_eq!(gateway.0.revoked.standing(), Standing::Off);
        assert_eq!(follower.hear().await, Ok(true), "it was the word of a proxy");
        assert_eq!(follower.hear().await, Err(FeedLost::Outage(Outage::Failing)));
        assert_eq!(gateway.0.revoked.standing(), Standing::Followed, "for a while");
    }

    #[tokio::test]
    async fn er_04_what_is_no_page_of_the_feed_is_an_outage() {
        let long = format!(r#"{{"cursor":"{}""#, "c".repeat(2000));
        let whole = r#","more":false,"age_ms":0,"everyone_before":0,"revoked":[]}"#;
        for body in [
            "<html>it works</html>",
            "",
            "[]",
            r#"{"cursor":"1","more":false,"age_ms":-1,"everyone_before":0,"revoked":[]}"#,
            r#"{"cursor":"1","more":false,"age_ms":0,"everyone_before":0,"revoked":[["a"]]}"#,
            r#"{"cursor":"1","more":false,"everyone_before":0,"revoked":[]}"#,
            &format!("{long}{whole}"),
            &" ".repeat(super::LARGEST + 1),
        ] {
            let body = body.to_owned();
            let gateway = gateway(move |_| {
                let body = body.clone();
                async move { body.into_response() }
            });
            let heard = gateway.follow_revocations(&key()).await;
            assert!(matches!(heard, Err(FeedLost::Outage(_))), "{heard:?}");
            assert_eq!(gateway.0.revoked.standing(), Standing::Unknown);
        }
    }

    #[tokio::test]
    async fn failures_are_followed_by_longer_and_longer_pauses() {
        let gateway = gateway(async |_| StatusCode::BAD_GATEWAY.into_response());
        let mut follower = Follower::new(&gateway, &key());
        let mut pauses = Vec::new();
        for _ in 0..40 {
            let heard = follower.hear().await;
            pauses.push(follower.pause(heard).as_millis());
        }
        assert_eq!(pauses[..4], [250, 500, 1000, 1000]);
        assert_eq!(pauses[39], 1000);
    }

    #[tokio::test]
    async fn nobody_asks_any_more_once_the_gateway_is_gone() {
        let probe = Arc::new(());
        let held = probe.clone();
        let gateway = gateway(move |asked| {
            let _held = held.clone();
            async move { page(&asked.to_string()) }
        });
        assert_eq!(gateway.follow_revocations(&key()).await, Ok(true));
        drop(gateway);
        until(|| Arc::strong_count(&probe) == 1).await;
    }
}
