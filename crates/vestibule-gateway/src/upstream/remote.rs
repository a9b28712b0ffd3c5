//! An upstream of several addresses: the one with the least to do among those that work.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use metrics::{counter, gauge};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::Outage;
use super::address::{Address, Errand, Use};
use super::connect::tls_config;
use super::spec::{HealthCheck, InvalidUpstream, Target, UpstreamSpec, Wire};

pub(super) struct Remote {
    name: Arc<str>,
    addresses: Arc<[Address]>,
    /// Where the search begins, so that equals take turns.
    turn: AtomicUsize,
    slots: Arc<Semaphore>,
    /// The health checks, one an address, as long as this is used.
    checks: Vec<AbortHandle>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Remote({})", self.name)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.checks.iter().for_each(AbortHandle::abort);
    }
}

impl Remote {
    /// With a health check it needs the runtime.
    pub(super) fn new(name: &str, spec: &UpstreamSpec) -> Result<Self, InvalidUpstream> {
        spec.check()?;
        let targets = spec.addresses.iter().map(|text| Target::parse(text));
        let targets = targets.collect::<Result<Vec<_>, _>>()?;
        let has_tls = targets.iter().any(|target| target.wire == Wire::Tls);
        if !has_tls && (spec.ca.is_some() || spec.client_cert.is_some()) {
            return Err(InvalidUpstream::NoTls);
        }
        let tls = has_tls.then(|| tls_config(spec)).transpose()?;
        let addresses: Arc<[Address]> =
            targets.into_iter().map(|target| Address::new(target, tls.as_ref())).collect();
        let name: Arc<str> = name.into();
        let check = |(index, health): (usize, &HealthCheck)| {
            let check =
                check_again_and_again(name.clone(), addresses.clone(), index, health.clone());
            tokio::spawn(check).abort_handle()
        };
        let each = (0..addresses.len()).flat_map(|index| Some(index).zip(spec.health.as_ref()));
        let checks = each.map(check).collect();
        let slots = Arc::new(Semaphore::new(spec.max_requests.min(Semaphore::MAX_PERMITS)));
        Ok(Self { name, addresses, turn: AtomicUsize::new(0), slots, checks })
    }

    /// Sends a request to one address, and to the next if nothing of it could be sent.
    pub(super) async fn send(
        &self,
        mut request: Box<Request>,
        patience: Duration,
        silence: Option<Duration>,
    ) -> Result<Response, Outage> {
        let refused = |_| self.count(Outage::Overloaded);
        let mut slot = self.slots.clone().try_acquire_owned().map_err(refused)?;
        let errand = Errand::of(&mut request, patience, silence);
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let (mut tried, mut why) = (Vec::new(), None);
        while let Some((index, address)) = self.choose(first, &tried) {
            let failed = match address.send(request, slot, &errand).await {
                Ok(response) => return Ok(response),
                Err((failed, unused)) => {
                    slot = unused;
                    failed
                }
            };
            tried.push(index);
            why = Some(failed.why);
            match failed.unsent {
                Some(unsent) => request = unsent,
                None => break,
            }
        }
        Err(self.count(why.unwrap_or_else(|| self.why_not())))
    }

    /// Takes the best address that has not been tried; of equals, the first beginning with `first`.
    fn choose(&self, first: usize, tried: &[usize]) -> Option<(usize, &Address)> {
        let count = self.addresses.len();
        let in_turn = (0..count).map(|step| (first % count + step) % count);
        let left = in_turn.filter(|index| !tried.contains(index));
        let rated = left.map(|index| (self.addresses[index].usable(), index));
        let good = rated.filter(|(usable, _)| *usable != Use::Never);
        let by_load =
            good.min_by_key(|(usable, index)| (*usable, self.addresses[*index].under_way()));
        let (_, index) = by_load?;
        self.addresses[index].take();
        Some((index, &self.addresses[index]))
    }

    /// Why nobody is asked, if nobody is: all are unwell by their health check, or some are slow.
    fn why_not(&self) -> Outage {
        match self.addresses.iter().any(Address::is_well) {
            true => Outage::Overloaded,
            false => Outage::Failing,
        }
    }

    fn count(&self, why: Outage) -> Outage {
        let why_text = match why {
            Outage::Unreachable => "unreachable",
            Outage::Broken => "broken",
            Outage::Slow => "slow",
            Outage::Failing => "failing",
            Outage::Overloaded => "overloaded",
        };
        let upstream = self.name.to_string();
        counter!("vestibule_upstream_failures_total", "upstream" => upstream, "why" => why_text)
            .increment(1);
        why
    }
}

async fn check_again_and_again(
    name: Arc<str>,
    addresses: Arc<[Address]>,
    index: usize,
    health: HealthCheck,
) {
    let address = &addresses[index];
    let labels = [("upstream", name.to_string()), ("address", address.name())];
    loop {
        let is_well = is_well(address, &health).await;
        if address.found(is_well) {
            tracing::warn!(
                upstream = &*name,
                upstream.address = address.name(),
                is_well,
                "the health of an upstream has changed"
            );
        }
        gauge!("vestibule_upstream_healthy", &labels).set(if is_well { 1.0 } else { 0.0 });
        tokio::time::sleep(health.pause()).await;
    }
}

async fn is_well(address: &Address, health: &HealthCheck) -> bool {
    let request = http::Request::get(health.path.as_str()).body(Body::empty());
    let Ok(mut request) = request.map(Box::new) else { return false };
    let errand = Errand::of(&mut request, health.pause(), Some(health.pause()));
    let Ok(slot) = Arc::new(Semaphore::new(1)).acquire_owned().await else { return false };
    let asking = tokio::time::timeout(health.pause(), address.send(request, slot, &errand)).await;
    let status = asking.ok().and_then(Result::ok).map(|response| response.status());
    status.is_some_and(|status| status.is_success() || status.is_redirection())
}
