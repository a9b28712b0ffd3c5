//! Token buckets: how often somebody may do something, for a bounded number of somebodies.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

/// Most somebodies remembered; beyond it the fullest budgets are forgotten (RL-07).
pub(crate) const MOST_BUCKETS: usize = 100_000;

/// So many at once, and then so many a second.
pub(crate) struct Budget {
    pub(crate) burst: f64,
    pub(crate) per_second: f64,
}

/// Too many attempts; the seconds after which the next is looked at.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many attempts, try again in {0} s")]
pub(crate) struct Throttled(pub(crate) u64);

/// What each `K` has left of a budget. Whoever is not in it has all of it.
pub(crate) struct Buckets<K> {
    budget: Budget,
    by_key: HashMap<K, Bucket>,
}

struct Bucket {
    left: f64,
    at: i64,
    under_way: u32,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    pub(crate) fn new(budget: Budget) -> Self {
        Self { budget, by_key: HashMap::new() }
    }

    /// Seconds until `key` may take one; 0 if it may now. A clock that steps back refills nothing.
    pub(crate) fn wait(&mut self, key: K, now: i64) -> u64 {
        self.make_room(now);
        let full = Bucket { left: self.budget.burst, at: now, under_way: 0 };
        self.by_key.entry(key).or_insert(full).wait(&self.budget, now)
    }

    /// Takes one of what `key` has left, which [`Buckets::wait`] has just said is there.
    pub(crate) fn take(&mut self, key: &K) {
        if let Some(bucket) = self.by_key.get_mut(key) {
            bucket.left -= 1.0;
        }
    }

    /// Gives one back.
    pub(crate) fn give_back(&mut self, key: &K) {
        if let Some(bucket) = self.by_key.get_mut(key) {
            bucket.left = (bucket.left + 1.0).min(self.budget.burst);
        }
    }

    /// How many attempts of `key` have no outcome yet, to be counted by the caller: while there are some, the key
    /// is not forgotten to make room. `None` if it is not remembered.
    pub(crate) fn under_way(&mut self, key: &K) -> Option<&mut u32> {
        self.by_key.get_mut(key).map(|bucket| &mut bucket.under_way)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Forgets budgets that are full again, and if that is not enough, half of the rest.
    fn make_room(&mut self, now: i64) {
        if self.by_key.len() < MOST_BUCKETS {
            return;
        }
        let budget = &self.budget;
        self.by_key.retain(|_, bucket| bucket.wait(budget, now) > 0 || bucket.left < budget.burst);
        if self.by_key.len() >= MOST_BUCKETS {
            let mut keep = false;
            self.by_key.retain(|_, bucket| {
                keep = !keep;
                keep || bucket.under_way > 0
            });
        }
    }
}

impl Bucket {
    fn wait(&mut self, budget: &Budget, now: i64) -> u64 {
        let elapsed = (now - self.at).max(0) as f64;
        self.left = (self.left + elapsed * budget.per_second).min(budget.burst);
        self.at = now;
        let missing = 1.0 - self.left;
        if missing <= f64::EPSILON { 0 } else { (missing / budget.per_second).ceil() as u64 }
    }
}

/// One subscriber: an IPv4 address, or a /64 of IPv6.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        four => four,
    }
}
