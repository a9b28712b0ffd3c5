use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};

use zeroize::optimization_barrier;

/// A text or bytes that are wiped when dropped, whatever of their memory is in use: at once, where [`zeroize::Zeroizing`] goes byte by
/// byte. Of opening a session cookie that was a seventh.
#[derive(Clone, Eq, PartialEq)]
pub struct Wiped<T: Wipe>(T);

/// What can be wiped.
pub trait Wipe: Default {
    /// Its memory.
    fn into_bytes(self) -> Vec<u8>;
}

impl Wipe for String {
    fn into_bytes(self) -> Vec<u8> {
        self.into_bytes()
    }
}

impl Wipe for Vec<u8> {
    fn into_bytes(self) -> Vec<u8> {
        self
    }
}

impl<T: Wipe> Wiped<T> {
    /// From here on it is wiped when dropped. What it is made of must not have been moved by growing.
    pub fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T: Wipe> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Wipe> fmt::Debug for Wiped<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Wiped(…)")
    }
}

impl<T: Wipe> Drop for Wiped<T> {
    fn drop(&mut self) {
        wiped(mem::take(&mut self.0).into_bytes());
    }
}

/// Zeros, in as much memory as `bytes` has.
fn wiped(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    optimization_barrier(bytes.as_slice());
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Wiped, wiped};

    #[test]
    fn se_05_all_of_its_memory_is_wiped() {
        let mut bytes = Vec::with_capacity(100);
        bytes.extend_from_slice(b"a secret that was longer");
        bytes.truncate(8);
        let (place, capacity) = (bytes.as_ptr(), bytes.capacity());
        let after = wiped(bytes);
        assert_eq!((after.as_ptr(), after.len()), (place, capacity), "and not some other");
        assert!(after.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn it_is_what_it_holds() {
        let mut text = Wiped::new("a".to_owned());
        text.push('b');
        assert_eq!((text.as_str(), text.clone().len()), ("ab", 2));
        assert_eq!(format!("{text:?}"), "Wiped(…)");
    }
}
