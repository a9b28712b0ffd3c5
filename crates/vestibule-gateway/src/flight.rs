use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use vestibule_types::{Clock, Refresh, Token};

use crate::tokens::Tokens;
use crate::upstream::Outage;

/// What came of a refresh.
#[derive(Clone, Debug)]
pub(crate) enum Refreshed {
    /// The next tokens.
    Tokens(Box<Tokens>),
    /// The API's definitive word: this session is over.
    Over,
    /// No word at all, so nothing is known of the session.
    Outage(Outage),
}

/// One refresh a token, however many ask at once (G4). The answer is kept for a moment, for requests that
/// left the browser with the old cookie.
pub(crate) struct Flights {
    by_token: Mutex<HashMap<[u8; 32], Flight>>,
    clock: Clock,
}

struct Flight {
    result: Shared<BoxFuture<'static, Refreshed>>,
    started: i64,
}

/// Most seconds that an answer is kept.
const KEPT: i64 = 10;

/// Of an access token's life an answer is kept for this part, as long as the API answers the same child again (R1):
/// 10 s of 30 min. One kept until its own token is due would be followed to that token's successor, before any
/// browser has it; if that answer is lost too, the browser is left with a token that is dead.
const PART: i64 = 180;

impl Flights {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { by_token: Mutex::default(), clock }
    }

    /// The answer to a refresh with `token`: of the one under way or just over, else of `refresh`, which
    /// then runs to its end even if nobody waits for it. Joined by the whole token (RF-12).
    pub(crate) async fn join(
        &self,
        token: &Token<Refresh>,
        refresh: impl FnOnce() -> BoxFuture<'static, Refreshed>,
    ) -> Refreshed {
        let key = key_of(token);
        let result = {
            let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            by_token.retain(|_, flight| flight.is_of_use(now));
            let flight = by_token.entry(key).or_insert_with(|| {
                let run = tokio::spawn(refresh());
                let result = run.map(|done| done.unwrap_or(Refreshed::Outage(Outage::Broken)));
                let result = result.boxed().shared();
                // Its end is seen only by who waits for it, and all browsers may have gone: then the answer would
                // be kept for ever.
                tokio::spawn(result.clone());
                Flight { result, started: now }
            });
            flight.result.clone()
        };
        result.await
    }

    /// Waits for the refresh with `token` that is under way, if there is one.
    pub(crate) async fn settle(&self, token: &Token<Refresh>) -> Option<Refreshed> {
        let result = {
            let by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
            by_token.get(&key_of(token))?.result.clone()
        };
        Some(result.await)
    }
}

impl Flight {
    /// Under way; or over for less than a moment, unless it found nothing out.
    fn is_of_use(&self, now: i64) -> bool {
        match self.result.peek() {
            None => true,
            Some(Refreshed::Outage(_)) => false,
            Some(Refreshed::Over) => self.is_of_last(KEPT, now),
            Some(Refreshed::Tokens(tokens)) => {
                let life = tokens.access_until - tokens.access_from;
                self.is_of_last((life / PART).clamp(1, KEPT), now)
            }
        }
    }

    fn is_of_last(&self, seconds: i64, now: i64) -> bool {
        (0..=seconds).contains(&(now - self.started))
    }
}

fn key_of(token: &Token<Refresh>) -> [u8; 32] {
    let digest = digest(&SHA256, token.reveal().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use vestibule_types::{Clock, Token};

    use super::{Flights, Refreshed};
    use crate::tokens::Tokens;
    use crate::upstream::Outage;

    fn counted(
        count: &Arc<AtomicUsize>,
        result: Refreshed,
    ) -> futures_util::future::BoxFuture<'static, Refreshed> {
        let count = count.clone();
        async move {
            tokio::task::yield_now().await;
            count.fetch_add(1, Ordering::SeqCst);
            result
        }
        .boxed()
    }

    #[tokio::test]
    async fn rf_12_parallel_refreshes_of_one_token_make_one_call() {
        let (count, clock) = (Arc::new(AtomicUsize::new(0)), Clock::stopped_at(0));
        let flights = Flights::new(clock.clone());
        let (one, other) = (Token::from("one".to_owned()), Token::from("other".to_owned()));
        join_all((0..50).map(|_| flights.join(&one, || counted(&count, Refreshed::Over)))).await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
        flights.join(&other, || counted(&count, Refreshed::Over)).await;
        assert_eq!(count.load(Ordering::SeqCst), 2);
        clock.advance(10);
        flights.join(&one, || counted(&count, Refreshed::Over)).await;
        assert_eq!(count.load(Ordering::SeqCst), 2, "kept for ten seconds");
        clock.advance(1);
        flights.join(&one, || counted(&count, Refreshed::Over)).await;
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn rf_12_the_answer_is_kept_for_a_part_of_its_tokens_life() {
        for (life, kept) in [(1800, 10), (86_400, 10), (360, 2), (6, 1)] {
            let (count, clock) = (Arc::new(AtomicUsize::new(0)), Clock::stopped_at(0));
            let flights = Flights::new(clock.clone());
            let token = Token::from("one".to_owned());
            let tokens = Tokens {
                access: Token::from("next".to_owned()),
                access_from: 0,
                access_until: life,
                refresh: None,
            };
            let answer = Refreshed::Tokens(Box::new(tokens));
            for (seconds, calls) in [(0, 1), (kept, 1), (1, 2)] {
                clock.advance(seconds);
                flights.join(&token, || counted(&count, answer.clone())).await;
                assert_eq!(count.load(Ordering::SeqCst), calls, "{life} s, at {}", clock.now());
            }
        }
    }

    #[tokio::test]
    async fn rf_12_an_answer_that_nobody_waited_for_is_not_kept_longer() {
        let (count, clock) = (Arc::new(AtomicUsize::new(0)), Clock::stopped_at(0));
        let flights = Flights::new(clock.clone());
        let token = Token::from("one".to_owned());
        let abandoned = flights.join(&token, || counted(&count, Refreshed::Over)).now_or_never();
        assert!(abandoned.is_none());
        while count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(11);
        // What has ended is seen a moment later.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        flights.join(&token, || counted(&count, Refreshed::Over)).await;
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_outage_is_not_kept() {
        let count = Arc::new(AtomicUsize::new(0));
        let flights = Flights::new(Clock::stopped_at(0));
        let token = Token::from("one".to_owned());
        for _ in 0..2 {
            flights.join(&token, || counted(&count, Refreshed::Outage(Outage::Unreachable))).await;
        }
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_refresh_runs_to_its_end_though_nobody_waits() {
        let count = Arc::new(AtomicUsize::new(0));
        let flights = Flights::new(Clock::stopped_at(0));
        let token = Token::from("one".to_owned());
        let abandoned = flights.join(&token, || counted(&count, Refreshed::Over)).now_or_never();
        assert!(abandoned.is_none());
        assert!(matches!(flights.settle(&token).await, Some(Refreshed::Over)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
