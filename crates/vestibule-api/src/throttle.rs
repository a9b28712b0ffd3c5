//! How often passwords may be guessed: per account and address, and per address. Attempts are counted
//! before the hash starts and given back when the password was right (TH-02), so that a person who
//! signs in is never counted, and a stranger spends only the budget of his own address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Wrong passwords for one account from one address: ten at once, then one in 30 seconds.
const PAIR: Budget = Budget { burst: 10.0, per_second: 1.0 / 30.0 };

/// Wrong passwords from one address, whatever the account: 60 at once, then one in 3 seconds.
const ADDRESS: Budget = Budget { burst: 60.0, per_second: 1.0 / 3.0 };

/// Most addresses and pairs remembered; beyond it the fullest budgets are forgotten (RL-07).
const MOST_BUCKETS: usize = 100_000;

/// How long an attempt waits for others of the same account and address that are under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Too many attempts; the seconds after which the next is looked at.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many attempts, try again in {0} s")]
pub(crate) struct Throttled(pub(crate) u64);

/// Counts login attempts; `off` admits everything.
pub(crate) struct LoginThrottle {
    buckets: Option<Arc<Buckets>>,
}

struct Buckets {
    state: Mutex<State>,
    settled: Notify,
}

#[derive(Default)]
struct State {
    pairs: HashMap<(u64, IpAddr), Bucket>,
    addresses: HashMap<IpAddr, Bucket>,
}

struct Budget {
    burst: f64,
    per_second: f64,
}

struct Bucket {
    left: f64,
    at: i64,
    under_way: u32,
}

/// An admitted attempt. Dropped without [`Attempt::forgive`], it stays counted.
pub(crate) struct Attempt {
    buckets: Option<(Arc<Buckets>, (u64, IpAddr))>,
}

impl LoginThrottle {
    pub(crate) fn new(on: bool) -> Self {
        let buckets = || Arc::new(Buckets { state: Mutex::default(), settled: Notify::new() });
        Self { buckets: on.then(buckets) }
    }

    /// Admits an attempt on `account` (a digest: of the account's number, or of a name nobody has) from
    /// `address` at `now`. Attempts beyond the budget wait for those under way, which may turn out to be right (TH-07).
    pub(crate) async fn admit(
        &self,
        account: u64,
        address: IpAddr,
        now: i64,
    ) -> Result<Attempt, Throttled> {
        let Some(buckets) = &self.buckets else { return Ok(Attempt { buckets: None }) };
        let key = (account, network_of(address));
        let admitted = timeout(PATIENCE, async {
            loop {
                let mut settled = std::pin::pin!(buckets.settled.notified());
                settled.as_mut().enable();
                let taken = buckets.state().take(key, now);
                match taken {
                    Taken::Admitted => return Ok(()),
                    Taken::Refused(seconds) => return Err(Throttled(seconds)),
                    Taken::UnderWay => settled.await,
                }
            }
        });
        admitted.await.unwrap_or(Err(Throttled(1)))?;
        Ok(Attempt { buckets: Some((buckets.clone(), key)) })
    }
}

impl Attempt {
    /// The attempt was right, or was never looked at: it does not count.
    pub(crate) fn forgive(self) {
        if let Some((buckets, key)) = &self.buckets {
            buckets.state().give_back(key);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some((buckets, key)) = &self.buckets {
            if let Some(pair) = buckets.state().pairs.get_mut(key) {
                pair.under_way = pair.under_way.saturating_sub(1);
            }
            buckets.settled.notify_waiters();
        }
    }
}

impl Buckets {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Taken {
    Admitted,
    UnderWay,
    Refused(u64),
}

impl State {
    fn take(&mut self, key: (u64, IpAddr), now: i64) -> Taken {
        make_room(&mut self.pairs, &PAIR, now);
        make_room(&mut self.addresses, &ADDRESS, now);
        let pair = self.pairs.entry(key).or_insert_with(|| Bucket::full(&PAIR, now));
        let address = self.addresses.entry(key.1).or_insert_with(|| Bucket::full(&ADDRESS, now));
        let wait = pair.wait(&PAIR, now).max(address.wait(&ADDRESS, now));
        if wait == 0 {
            pair.left -= 1.0;
            pair.under_way += 1;
            address.left -= 1.0;
            Taken::Admitted
        } else if pair.under_way > 0 {
            Taken::UnderWay
        } else {
            Taken::Refused(wait)
        }
    }

    fn give_back(&mut self, key: &(u64, IpAddr)) {
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.left = (pair.left + 1.0).min(PAIR.burst);
        }
        if let Some(address) = self.addresses.get_mut(&key.1) {
            address.left = (address.left + 1.0).min(ADDRESS.burst);
        }
    }
}

impl Bucket {
    fn full(budget: &Budget, now: i64) -> Self {
        Self { left: budget.burst, at: now, under_way: 0 }
    }

    /// Seconds until an attempt is free; 0 if one is. A clock that steps back refills nothing.
    fn wait(&mut self, budget: &Budget, now: i64) -> u64 {
        let elapsed = (now - self.at).max(0) as f64;
        self.left = (self.left + elapsed * budget.per_second).min(budget.burst);
        self.at = now;
        let missing = 1.0 - self.left;
        if missing <= f64::EPSILON { 0 } else { (missing / budget.per_second).ceil() as u64 }
    }
}

/// Forgets budgets that are full again, and if that is not enough, half of the rest.
fn make_room<K: Eq + Hash>(buckets: &mut HashMap<K, Bucket>, budget: &Budget, now: i64) {
    if buckets.len() < MOST_BUCKETS {
        return;
    }
    buckets.retain(|_, bucket| bucket.wait(budget, now) > 0 || bucket.left < budget.burst);
    if buckets.len() >= MOST_BUCKETS {
        let mut keep = false;
        buckets.retain(|_, bucket| {
            keep = !keep;
            keep || bucket.under_way > 0
        });
    }
}

/// One subscriber: an IPv4 address, or a /64 of IPv6.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::{LoginThrottle, MOST_BUCKETS, Throttled};

    const NOW: i64 = 1_000_000;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    async fn wrong(
        throttle: &LoginThrottle,
        account: u64,
        from: IpAddr,
        at: i64,
    ) -> Result<(), Throttled> {
        throttle.admit(account, from, at).await.map(drop)
    }

    #[tokio::test]
    async fn th_01_ten_wrong_passwords_close_an_account_for_that_address_only() {
        let throttle = LoginThrottle::new(true);
        for _ in 0..10 {
            assert_eq!(wrong(&throttle, 1, address(1), NOW).await, Ok(()));
        }
        assert_eq!(wrong(&throttle, 1, address(1), NOW).await, Err(Throttled(30)));
        assert_eq!(wrong(&throttle, 1, address(2), NOW).await, Ok(()), "the owner, elsewhere");
        assert_eq!(wrong(&throttle, 2, address(1), NOW).await, Ok(()), "a colleague, same address");
        assert_eq!(wrong(&throttle, 1, address(1), NOW + 30).await, Ok(()), "after the wait");
    }

    #[tokio::test]
    async fn th_01_sixty_wrong_passwords_close_an_address() {
        let throttle = LoginThrottle::new(true);
        for account in 0..60 {
            assert_eq!(wrong(&throttle, account, address(1), NOW).await, Ok(()));
        }
        assert_eq!(wrong(&throttle, 99, address(1), NOW).await, Err(Throttled(3)));
    }

    #[tokio::test]
    async fn a_right_password_is_never_counted() {
        let throttle = LoginThrottle::new(true);
        for _ in 0..500 {
            throttle.admit(1, address(1), NOW).await.unwrap().forgive();
        }
    }

    #[tokio::test]
    async fn th_07_right_passwords_in_parallel_all_get_their_turn() {
        let throttle = Arc::new(LoginThrottle::new(true));
        let logins: Vec<_> = (0..50)
            .map(|_| {
                let throttle = throttle.clone();
                tokio::spawn(async move {
                    let attempt = throttle.admit(1, address(1), NOW).await?;
                    tokio::task::yield_now().await;
                    attempt.forgive();
                    Ok::<_, Throttled>(())
                })
            })
            .collect();
        for login in logins {
            assert_eq!(login.await.unwrap(), Ok(()));
        }
    }

    #[tokio::test]
    async fn th_02_parallel_guesses_do_not_exceed_the_budget() {
        let throttle = Arc::new(LoginThrottle::new(true));
        let guesses: Vec<_> = (0..200)
            .map(|_| {
                let throttle = throttle.clone();
                tokio::spawn(async move {
                    let attempt = throttle.admit(1, address(1), NOW).await?;
                    tokio::task::yield_now().await;
                    drop(attempt);
                    Ok::<_, Throttled>(())
                })
            })
            .collect();
        let mut admitted = 0;
        for guess in guesses {
            admitted += usize::from(guess.await.unwrap().is_ok());
        }
        assert_eq!(admitted, 10);
    }

    #[tokio::test]
    async fn addresses_of_one_ipv6_network_share_a_budget() {
        let throttle = LoginThrottle::new(true);
        for host in 0..10_u16 {
            let from = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
            assert_eq!(wrong(&throttle, 1, from, NOW).await, Ok(()));
        }
        let from = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(wrong(&throttle, 1, from, NOW).await.is_err());
    }

    #[tokio::test]
    async fn rl_07_it_remembers_a_bounded_number_of_pairs() {
        let throttle = LoginThrottle::new(true);
        for number in 0..(MOST_BUCKETS as u64 + 5_000) {
            let bytes = (number as u32).to_be_bytes();
            let _ = throttle.admit(number, IpAddr::from(bytes), NOW).await;
        }
        let buckets = throttle.buckets.as_ref().unwrap().state();
        assert!(buckets.pairs.len() <= MOST_BUCKETS && buckets.addresses.len() <= MOST_BUCKETS);
    }

    #[tokio::test]
    async fn switched_off_it_admits_everything() {
        let throttle = LoginThrottle::new(false);
        for _ in 0..1000 {
            assert_eq!(wrong(&throttle, 1, address(1), NOW).await, Ok(()));
        }
    }
}
