use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections there may be, in all and from one address (RL-03). Clones count together.
#[derive(Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    per_address: usize,
    taken: Taken,
    is_exempt: Addresses,
}

/// How many each network has.
type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Tells addresses apart, by settings.
pub type Addresses = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

impl fmt::Debug for Places {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Places({} free, {} an address)",
            self.all.available_permits(),
            self.per_address
        )
    }
}

impl Default for Places {
    /// Enough for what serves itself.
    fn default() -> Self {
        Self::unshared(10_000)
    }
}

impl Places {
    /// So many in all; so many from one address, unless it is exempt, as this machine and proxies in front are.
    pub fn new(all: usize, per_address: usize, is_exempt: Addresses) -> Self {
        let all = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Self { all, per_address, taken: Arc::default(), is_exempt }
    }

    /// So many in all, whosever they are.
    pub fn unshared(all: usize) -> Self {
        Self::new(all, all, Arc::new(|_| true))
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        let permit = self.all.clone().acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    /// A place among those of `address`, if one is left.
    pub(super) fn of_address(&self, address: IpAddr) -> Option<AddressPlace> {
        if (self.is_exempt)(address) {
            return Some(AddressPlace(None));
        }
        let network = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(network).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(AddressPlace(Some((network, self.taken.clone()))))
    }
}

/// What one holder has: an IPv4 address, or 64 bits of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The place of a connection, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) _permit: OwnedSemaphorePermit,
    /// Lets the server know that this one is still there.
    pub(super) _alive: tokio::sync::mpsc::Sender<()>,
}

/// Its place among those of its address.
#[derive(Debug)]
pub(super) struct AddressPlace(Option<(IpAddr, Taken)>);

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let Some((network, taken)) = &self.0 else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::Places;

    #[test]
    fn rl_03_an_address_has_so_many_places_and_a_network_counts_as_one() {
        let places = Places::new(100, 2, Arc::new(|address: IpAddr| address.is_loopback()));
        let of = |text: &str| places.of_address(text.parse().unwrap());
        let first = of("203.0.113.7");
        let _second = of("::ffff:203.0.113.7");
        assert!(first.is_some() && of("203.0.113.7").is_none());
        assert!(of("203.0.113.8").is_some(), "another's");
        drop(first);
        assert!(of("203.0.113.7").is_some(), "free again");
        let _network = (of("2001:db8::1"), of("2001:db8::2"));
        assert!(of("2001:db8::3").is_none() && of("2001:db8:0:1::3").is_some());
        let exempt: Vec<_> = (0..5).map(|_| of("127.0.0.1")).collect();
        assert!(exempt.iter().all(Option::is_some));
        drop(exempt);
        assert_eq!(places.taken.lock().unwrap().len(), 2, "RL-07: nobody is remembered who left");
    }
}
