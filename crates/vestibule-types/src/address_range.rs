use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One address, or all that begin alike: `10.0.0.2`, `10.0.0.0/8`, `2001:db8::/32`.
///
/// An IPv4 address within IPv6 (`::ffff:10.0.0.2`) is the IPv4 address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressRange {
    first: IpAddr,
    bits: u8,
}

/// Why a text is not an [`AddressRange`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InvalidRange {
    /// Neither an address nor a range of them.
    Malformed,
    /// There are ones behind the prefix; most likely another range was meant.
    NotFirst(AddressRange),
    /// Every address there is.
    Everybody,
}

impl AddressRange {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (first, address) = (number(self.first), number(address.to_canonical()));
        first.1 == address.1 && cut(address.0, address.1, self.bits) == first.0
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, bits: width(first) }
    }
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse().map(IpAddr::into).map_err(|_| InvalidRange::Malformed);
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidRange::Malformed)?;
        let is_number = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u8 = bits.parse().map_err(|_| InvalidRange::Malformed)?;
        if !is_number || bits > width(address) {
            return Err(InvalidRange::Malformed);
        }
        let first = address.to_canonical();
        // `::ffff:10.0.0.0/104` is 10.0.0.0/8; a shorter one has more than IPv4 in it.
        let bits =
            bits.checked_sub(width(address) - width(first)).ok_or(InvalidRange::Malformed)?;
        if bits == 0 {
            return Err(InvalidRange::Everybody);
        }
        let (digits, width) = number(first);
        match cut(digits, width, bits) {
            same if same == digits => Ok(Self { first, bits }),
            other => Err(InvalidRange::NotFirst(Self { first: address_of(other, width), bits })),
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address as a number, and how many bits that has.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn address_of(number: u128, width: u8) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if width == 32 => IpAddr::V4(number.into()),
        _ => IpAddr::V6(number.into()),
    }
}

/// `number` of `width` bits with only its first `bits` left, of which there is at least one.
fn cut(number: u128, width: u8, bits: u8) -> u128 {
    let rest = u32::from(width.saturating_sub(bits));
    number >> rest << rest
}

impl fmt::Display for AddressRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits {
            bits if bits == width(self.first) => write!(out, "{}", self.first),
            bits => write!(out, "{}/{bits}", self.first),
        }
    }
}

impl fmt::Display for InvalidRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => out.write_str(
                "has to be an address or a range of them, such as 10.0.0.2 or 10.0.0.0/8",
            ),
            Self::NotFirst(meant) => {
                write!(out, "has ones behind its prefix; the range with this address is {meant}")
            }
            Self::Everybody => {
                out.write_str("would believe everybody; name the proxies' own addresses")
            }
        }
    }
}

impl std::error::Error for InvalidRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_addresses_that_begin_alike() {
        for (range, address, is_in) in [
            ("10.0.0.2", "10.0.0.2", true),
            ("10.0.0.2", "10.0.0.3", false),
            ("10.0.0.2", "::ffff:10.0.0.2", true),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "a00::1", false),
            ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.128/25", "192.0.2.255", true),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("128.0.0.0/1", "255.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", false),
            ("fe80::/10", "fe80::1", true),
        ] {
            let range: AddressRange = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), is_in, "{range} {address}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_what_was_meant() {
        for text in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.2/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.0/ 8",
            " 10.0.0.2",
            "[::1]",
            "::1/129",
            "::/0x1",
            "10.0.0.2:80",
            "::ffff:0.0.0.0/90",
        ] {
            assert_eq!(text.parse::<AddressRange>(), Err(InvalidRange::Malformed), "{text:?}");
        }
        for text in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
            assert_eq!(text.parse::<AddressRange>(), Err(InvalidRange::Everybody), "{text:?}");
        }
        for (text, meant) in [("10.0.0.2/8", "10.0.0.0/8"), ("2001:db8::1/32", "2001:db8::/32")] {
            let said = text.parse::<AddressRange>().unwrap_err().to_string();
            assert!(said.ends_with(&format!("is {meant}")), "{said}");
        }
    }
}
