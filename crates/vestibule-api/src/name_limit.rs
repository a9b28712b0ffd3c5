//! How often one address may ask whether a username is available, so that nobody reads them all.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::budget::{Buckets, Budget, Throttled, network_of};

/// Names that one address may ask about: 30 at once, as somebody does who types one, then one a second.
const NAMES: Budget = Budget { burst: 30.0, per_second: 1.0 };

/// Counts names asked about; `off` admits everything. Each node counts for itself.
pub(crate) struct NameLimit(Option<Mutex<Buckets<IpAddr>>>);

impl NameLimit {
    pub(crate) fn new(on: bool) -> Self {
        Self(on.then(|| Mutex::new(Buckets::new(NAMES))))
    }

    /// Counts one more name that `address` asks about at `now`, unless it has had its share.
    pub(crate) fn take(&self, address: IpAddr, now: i64) -> Result<(), Throttled> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network_of(address);
        match buckets.wait(network, now) {
            0 => {
                buckets.take(&network);
                Ok(())
            }
            seconds => Err(Throttled(seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::NameLimit;
    use crate::budget::{MOST_BUCKETS, Throttled};

    const NOW: i64 = 1_000_000;

    fn spent(limit: &NameLimit, address: IpAddr) {
        for _ in 0..30 {
            assert_eq!(limit.take(address, NOW), Ok(()));
        }
        assert_eq!(limit.take(address, NOW), Err(Throttled(1)));
    }

    #[test]
    fn an_address_has_30_names_at_once_then_one_a_second_and_others_are_not_touched() {
        let limit = NameLimit::new(true);
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        spent(&limit, one);
        assert_eq!(limit.take(other, NOW), Ok(()));
        assert_eq!(limit.take(one, NOW + 1), Ok(()));
        assert_eq!(limit.take(one, NOW + 1), Err(Throttled(1)));
        for _ in 0..30 {
            assert_eq!(limit.take(one, NOW + 3600), Ok(()), "no more than at first, and no less");
        }
        assert_eq!(limit.take(one, NOW + 3600), Err(Throttled(1)));
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_budget() {
        let limit = NameLimit::new(true);
        let host = |network, host| IpAddr::from([0x2001, 0xdb8, 0, network, 0, 0, 0, host]);
        spent(&limit, host(1, 1));
        assert_eq!(limit.take(host(1, 2), NOW), Err(Throttled(1)));
        assert_eq!(limit.take(host(2, 1), NOW), Ok(()));
    }

    #[test]
    fn rl_07_it_remembers_a_bounded_number_of_addresses() {
        let limit = NameLimit::new(true);
        for number in 0..(MOST_BUCKETS as u32 + 5_000) {
            assert_eq!(limit.take(IpAddr::from(number.to_be_bytes()), NOW), Ok(()));
        }
        assert!(limit.0.unwrap().into_inner().unwrap().len() <= MOST_BUCKETS);
    }

    #[test]
    fn switched_off_it_admits_everything() {
        let limit = NameLimit::new(false);
        for _ in 0..100 {
            assert_eq!(limit.take(IpAddr::from([192, 0, 2, 1]), NOW), Ok(()));
        }
    }
}
