//! How often passwords may be guessed: per account and address, and per address. Attempts are counted
//! before the hash starts and given back when the password was right (TH-02), so that a person who
//! signs in is never counted, and a stranger spends only the budget of his own address.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::budget::{Buckets, Budget, Throttled, network_of};

/// Wrong passwords for one account from one address: ten at once, then one in 30 seconds.
const PAIR: Budget = Budget { burst: 10.0, per_second: 1.0 / 30.0 };

/// Wrong passwords from one address, whatever the account: 60 at once, then one in 3 seconds.
const ADDRESS: Budget = Budget { burst: 60.0, per_second: 1.0 / 3.0 };

/// How long an attempt waits for others of the same account and address that are under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Counts login attempts; `off` admits everything.
pub(crate) struct LoginThrottle {
    counts: Option<Arc<Counts>>,
}

struct Counts {
    state: Mutex<State>,
    settled: Notify,
}

struct State {
    pairs: Buckets<(u64, IpAddr)>,
    addresses: Buckets<IpAddr>,
}

/// An admitted attempt. Dropped without [`Attempt::forgive`], it stays counted.
pub(crate) struct Attempt {
    counts: Option<(Arc<Counts>, (u64, IpAddr))>,
}

impl LoginThrottle {
    pub(crate) fn new(on: bool) -> Self {
        let state = || State { pairs: Buckets::new(PAIR), addresses: Buckets::new(ADDRESS) };
        let counts = || Arc::new(Counts { state: Mutex::new(state()), settled: Notify::new() });
        Self { counts: on.then(counts) }
    }

    /// Admits an attempt on `account` (a digest: of the account's number, or of a name nobody has) from
    /// `address` at `now`. Attempts beyond the budget wait for those under way, which may turn out to be right (TH-07).
    pub(crate) async fn admit(
        &self,
        account: u64,
        address: IpAddr,
        now: i64,
    ) -> Result<Attempt, Throttled> {
        let Some(counts) = &self.counts else { return Ok(Attempt { counts: None }) };
        let key = (account, network_of(address));
        let admitted = timeout(PATIENCE, async {
            loop {
                let mut settled = std::pin::pin!(counts.settled.notified());
                settled.as_mut().enable();
                let taken = counts.state().take(key, now);
                match taken {
                    Taken::Admitted => return Ok(()),
                    Taken::Refused(seconds) => return Err(Throttled(seconds)),
                    Taken::UnderWay => settled.await,
                }
            }
        });
        admitted.await.unwrap_or(Err(Throttled(1)))?;
        Ok(Attempt { counts: Some((counts.clone(), key)) })
    }
}

impl Attempt {
    /// The attempt was right, or was never looked at: it does not count.
    pub(crate) fn forgive(self) {
        if let Some((counts, key)) = &self.counts {
            let mut state = counts.state();
            state.pairs.give_back(key);
            state.addresses.give_back(&key.1);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some((counts, key)) = &self.counts {
            if let Some(under_way) = counts.state().pairs.under_way(key) {
                *under_way = under_way.saturating_sub(1);
            }
            counts.settled.notify_waiters();
        }
    }
}

impl Counts {
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
        let wait = self.pairs.wait(key, now).max(self.addresses.wait(key.1, now));
        let under_way = self.pairs.under_way(&key).map_or(0, |count| *count);
        if wait > 0 {
            return if under_way > 0 { Taken::UnderWay } else { Taken::Refused(wait) };
        }
        self.pairs.take(&key);
        self.addresses.take(&key.1);
        if let Some(under_way) = self.pairs.under_way(&key) {
            *under_way += 1;
        }
        Taken::Admitted
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::{LoginThrottle, Throttled};
    use crate::budget::MOST_BUCKETS;

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
        let state = throttle.counts.as_ref().unwrap().state();
        assert!(state.pairs.len() <= MOST_BUCKETS && state.addresses.len() <= MOST_BUCKETS);
    }

    #[tokio::test]
    async fn switched_off_it_admits_everything() {
        let throttle = LoginThrottle::new(false);
        for _ in 0..1000 {
            assert_eq!(wrong(&throttle, 1, address(1), NOW).await, Ok(()));
        }
    }
}
