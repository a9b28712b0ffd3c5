use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use vestibule_types::Clock;

use crate::store::Store;

/// How often the news are read, whatever happens: so a revocation reaches every node within a second even
/// where no notification does.
const EVERY: Duration = Duration::from_millis(500);

/// How often the listening connection has to show that it lives (RV-05).
const BEAT: Duration = Duration::from_secs(1);

/// How often what is over is deleted.
const SWEEP: Duration = Duration::from_secs(60);

/// A node keeping up with its database: what happened on other nodes, what time it is there, what is over.
pub(crate) struct KeepingUp(Vec<JoinHandle<()>>);

impl KeepingUp {
    /// Reads everything once, then goes on by itself (RV-06).
    pub(crate) async fn start(store: &Store, clock: &Clock) -> sqlx::Result<Self> {
        store.set_clock(clock).await?;
        store.read_news(clock.now()).await?;
        let reading = tokio::spawn(keep_reading(store.clone(), clock.clone()));
        let sweeping = tokio::spawn(keep_sweeping(store.clone(), clock.clone()));
        Ok(Self(vec![reading, sweeping]))
    }

    pub(crate) fn stop(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn keep_reading(store: Store, clock: Clock) {
    let mut ear = Ear::default();
    let mut is_lost = false;
    loop {
        ear.wait(&store).await;
        let read = async {
            store.set_clock(&clock).await?;
            store.read_news(clock.now()).await
        };
        match timeout(Duration::from_secs(5), read).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
        {
            Ok(()) if is_lost => {
                tracing::info!("the database tells again what happens on other nodes");
                is_lost = false;
            }
            Err(error) if !is_lost => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database does not tell what happens on other nodes: it is asked at every request"
                );
                is_lost = true;
            }
            _ => {}
        }
        let age = store.news_age().unwrap_or(Duration::MAX).as_secs_f64();
        metrics::gauge!("vestibule_revocations_age_seconds", "role" => "api").set(age);
        let held = store.news_held() as f64;
        metrics::gauge!("vestibule_revocations_held", "role" => "api").set(held);
    }
}

/// Hears the database say that there is news, where it can. When it can't, the wait is only longer.
#[derive(Default)]
struct Ear {
    listener: Option<PgListener>,
    tried: Option<Instant>,
}

impl Ear {
    /// Until there is news, or it is time to read anyway.
    async fn wait(&mut self, store: &Store) {
        if self.tried.is_none_or(|tried| tried.elapsed() >= BEAT) {
            self.tried = Some(Instant::now());
            self.beat(store).await;
        }
        match &mut self.listener {
            None => sleep(EVERY).await,
            Some(listener) => match timeout(EVERY, listener.try_recv()).await {
                Ok(Ok(Some(_))) => while listener.next_buffered().is_some() {},
                Ok(Ok(None) | Err(_)) => self.listener = None,
                Err(_) => {}
            },
        }
    }

    /// Makes sure that the connection lives, or makes another.
    async fn beat(&mut self, store: &Store) {
        if let Some(listener) = &mut self.listener {
            let beat = sqlx::query("SELECT 1").execute(listener);
            if matches!(timeout(BEAT, beat).await, Ok(Ok(_))) {
                return;
            }
            self.listener = None;
        }
        self.listener = timeout(BEAT, store.listener()).await.ok().and_then(Result::ok).flatten();
    }
}

async fn keep_sweeping(store: Store, clock: Clock) {
    loop {
        sleep(SWEEP).await;
        if let Err(error) = store.sweep(clock.now()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what is over could not be deleted"
            );
        }
    }
}
