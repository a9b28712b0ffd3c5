use std::net::{IpAddr, SocketAddr};

use crate::address_range::AddressRange;
use crate::forwarded::{self, Element};

/// The proxies of ours that a request may have come through. What they say of it is believed; by default
/// there are none (GW-16).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustedHops(Vec<AddressRange>);

/// Where a request began, as far as trusted hops tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// The client's address.
    pub client: IpAddr,
    /// Whether the client came over https; `None` if no trusted hop says.
    pub is_https: Option<bool>,
}

impl TrustedHops {
    /// Whether nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what comes from `address` is believed.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }

    /// Follows a request back from `peer`, who sent it. `lines` answers the values of all header lines of a
    /// name, in their order.
    ///
    /// The client is the right-most hop that is not trusted, or the left-most if all are. Hops are read from
    /// `X-Forwarded-For` or `Forwarded` (RFC 7239), and where both are there they have to come to the same
    /// client. A chain that can't be read as far as that, or that contradicts the other, is worth nothing:
    /// the client is `peer` then. It came over https only if nobody believed says anything else.
    pub fn arrival<'a>(
        &self,
        peer: IpAddr,
        lines: impl Fn(&'static str) -> Vec<&'a [u8]>,
    ) -> Arrival {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return Arrival { client: peer, is_https: None };
        }
        let listed = self.last_outside(peer, &addresses(&lines("x-forwarded-for")));
        let elements = forwarded::parse(&lines("forwarded"));
        let (client, element) = match &elements {
            None => (peer, None),
            Some(elements) => self.of_both(peer, listed, elements),
        };
        let mut said: Vec<&[u8]> = element.and_then(Element::proto).into_iter().collect();
        let protos = lines("x-forwarded-proto");
        said.extend(protos.iter().flat_map(|line| line.split(|byte| *byte == b',')));
        let is_https = said.iter().all(|proto| proto.trim_ascii().eq_ignore_ascii_case(b"https"));
        let is_unsaid = said.is_empty() && elements.is_some();
        Arrival { client, is_https: (!is_unsaid).then_some(is_https && elements.is_some()) }
    }

    /// The client by both headers, and the element of `Forwarded` that speaks of it.
    fn of_both<'e>(
        &self,
        peer: IpAddr,
        listed: Chain,
        elements: &'e [Element],
    ) -> (IpAddr, Option<&'e Element>) {
        let nodes: Vec<Option<IpAddr>> =
            elements.iter().map(|element| element.node().and_then(address)).collect();
        let told = self.last_outside(peer, &nodes);
        let element = elements.get(told.at);
        match (listed.client, told.client) {
            (Some(client), _) if elements.is_empty() => (client, None),
            (_, Some(client)) if listed.is_empty => (client, element),
            (Some(listed), Some(told)) if listed == told => (told, element),
            _ => (peer, element),
        }
    }

    /// Goes through `chain` from its end as long as the hop before is trusted.
    fn last_outside(&self, peer: IpAddr, chain: &[Option<IpAddr>]) -> Chain {
        let (mut client, mut at) = (Some(peer), chain.len());
        while at > 0 && client.is_some_and(|hop| self.contains(hop)) {
            at -= 1;
            client = chain[at];
        }
        Chain { client, at, is_empty: chain.is_empty() }
    }
}

/// How far one header was followed.
struct Chain {
    /// `None` if the hop that counts can't be read.
    client: Option<IpAddr>,
    /// Its place in the header.
    at: usize,
    is_empty: bool,
}

impl FromIterator<AddressRange> for TrustedHops {
    fn from_iter<I: IntoIterator<Item = AddressRange>>(ranges: I) -> Self {
        Self(ranges.into_iter().collect())
    }
}

fn addresses(lines: &[&[u8]]) -> Vec<Option<IpAddr>> {
    let hops = lines.iter().flat_map(|line| line.split(|byte| *byte == b','));
    hops.map(|hop| std::str::from_utf8(hop.trim_ascii()).ok().and_then(address)).collect()
}

/// An address as a proxy writes it, with or without brackets and port. `unknown` and names that hide an
/// address (RFC 7239, 6.2 and 6.3) are none.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(inner) => IpAddr::V6(inner.parse().ok()?),
        None => {
            text.parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip())).ok()?
        }
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(trusted: &str) -> TrustedHops {
        trusted.split_whitespace().map(|range| range.parse::<AddressRange>().unwrap()).collect()
    }

    fn arrival(trusted: &str, peer: &str, fields: &[(&str, &'static str)]) -> Arrival {
        hops(trusted).arrival(peer.parse().unwrap(), |name| {
            let of_name = fields.iter().filter(|field| field.0 == name);
            of_name.map(|field| field.1.as_bytes()).collect()
        })
    }

    fn client(trusted: &str, peer: &str, fields: &[(&str, &'static str)]) -> String {
        arrival(trusted, peer, fields).client.to_string()
    }

    const PROXY: &str = "10.0.0.1";

    #[test]
    fn gw_16_the_chain_is_believed_only_as_far_as_hops_are_trusted() {
        for (peer, chain, trusted, expected) in [
            (PROXY, "203.0.113.7", "", PROXY),
            (PROXY, "203.0.113.7", PROXY, "203.0.113.7"),
            (PROXY, "6.6.6.6, 203.0.113.7", PROXY, "203.0.113.7"),
            (PROXY, "junk, 203.0.113.7", PROXY, "203.0.113.7"),
            (PROXY, "203.0.113.7, 10.0.0.2", "10.0.0.0/8", "203.0.113.7"),
            (PROXY, "6.6.6.6,203.0.113.7,10.0.0.2", "10.0.0.0/8", "203.0.113.7"),
            (PROXY, "10.0.0.3, 10.0.0.2", "10.0.0.0/8", "10.0.0.3"),
            (PROXY, "203.0.113.7, 10.0.0.2", PROXY, "10.0.0.2"),
            (PROXY, "203.0.113.7, junk", PROXY, PROXY),
            (PROXY, "203.0.113.7, junk, 10.0.0.2", "10.0.0.0/8", PROXY),
            (PROXY, "203.0.113.7, unknown", PROXY, PROXY),
            (PROXY, "_hidden", PROXY, PROXY),
            (PROXY, "203.0.113.7,", PROXY, PROXY),
            (PROXY, "", PROXY, PROXY),
            (PROXY, "203.0.113.7:4711", PROXY, "203.0.113.7"),
            (PROXY, "2001:db8::7", PROXY, "2001:db8::7"),
            (PROXY, "[2001:db8::7]", PROXY, "2001:db8::7"),
            (PROXY, "[2001:db8::7]:4711", PROXY, "2001:db8::7"),
            (PROXY, "2001:db8::7]", PROXY, PROXY),
            (PROXY, "[203.0.113.7]", PROXY, PROXY),
            (PROXY, "203.0.113.7:99999", PROXY, PROXY),
            (PROXY, "0203.0.113.7", PROXY, PROXY),
            (PROXY, "\"203.0.113.7\"", PROXY, PROXY),
            (PROXY, "203.0.113.7\u{a0}", PROXY, PROXY),
            (PROXY, "::ffff:203.0.113.7", PROXY, "203.0.113.7"),
            ("::ffff:10.0.0.1", "203.0.113.7", PROXY, "203.0.113.7"),
            ("::1", "203.0.113.7", "::1", "203.0.113.7"),
        ] {
            let found = client(trusted, peer, &[("x-forwarded-for", chain)]);
            assert_eq!(found, expected, "{chain:?} by {peer}, trusted {trusted:?}");
        }
    }

    #[test]
    fn gw_16_several_lines_are_one_list() {
        let lines = |first, second| [("x-forwarded-for", first), ("x-forwarded-for", second)];
        assert_eq!(client(PROXY, PROXY, &lines("6.6.6.6", "203.0.113.7")), "203.0.113.7");
        assert_eq!(client("10.0.0.0/8", PROXY, &lines("203.0.113.7", "10.0.0.2")), "203.0.113.7");
        let lines = [("forwarded", "for=6.6.6.6"), ("forwarded", "for=203.0.113.7")];
        assert_eq!(client(PROXY, PROXY, &lines), "203.0.113.7");
    }

    #[test]
    fn gw_16_forwarded_is_read_as_the_standard_has_it() {
        for (chain, expected) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=203.0.113.7;proto=https;by=203.0.113.43", "203.0.113.7"),
            ("proto=https ; for = 203.0.113.7", PROXY),
            ("for=\"203.0.113.7:4711\"", "203.0.113.7"),
            ("for=\"[2001:db8::7]\"", "2001:db8::7"),
            ("for=\"[2001:db8::7]:4711\";host=\"a,b;c\"", "2001:db8::7"),
            ("for=\"\\2\\03.0.113.7\"", "203.0.113.7"),
            ("for=6.6.6.6, for=203.0.113.7", "203.0.113.7"),
            ("for=6.6.6.6,,for=203.0.113.7 ,", "203.0.113.7"),
            ("for=203.0.113.7, proto=https", PROXY),
            ("for=unknown", PROXY),
            ("for=_hidden", PROXY),
            ("for=\"203.0.113.7:_port\"", PROXY),
            ("for=[2001:db8::7]", PROXY),
            ("for=203.0.113.7;for=6.6.6.6", PROXY),
            ("for=", PROXY),
            ("203.0.113.7", PROXY),
            // What a client sends must not swallow what the proxy adds.
            ("for=6.6.6.6;x=\", for=203.0.113.7", PROXY),
            ("for=6.6.6.6;x=\", for=\"203.0.113.7\"", PROXY),
        ] {
            assert_eq!(client(PROXY, PROXY, &[("forwarded", chain)]), expected, "{chain:?}");
        }
    }

    #[test]
    fn gw_16_two_headers_have_to_come_to_the_same_client() {
        for (listed, told, expected) in [
            ("203.0.113.7", "for=203.0.113.7", "203.0.113.7"),
            ("6.6.6.6, 203.0.113.7", "for=203.0.113.7;proto=https", "203.0.113.7"),
            ("203.0.113.7, 10.0.0.2", "for=203.0.113.7", "203.0.113.7"),
            ("203.0.113.7", "for=6.6.6.6", PROXY),
            ("203.0.113.7", "for=unknown", PROXY),
            ("203.0.113.7", "junk", PROXY),
            ("junk", "for=203.0.113.7", PROXY),
        ] {
            let fields = [("x-forwarded-for", listed), ("forwarded", told)];
            assert_eq!(client("10.0.0.0/8", PROXY, &fields), expected, "{listed:?} {told:?}");
        }
    }

    #[test]
    fn tl_03_the_scheme_is_https_only_if_nobody_says_otherwise() {
        for (fields, is_https) in [
            (&[][..], None),
            (&[("x-forwarded-for", "203.0.113.7")], None),
            (&[("x-forwarded-proto", "https")], Some(true)),
            (&[("x-forwarded-proto", "HTTPS")], Some(true)),
            (&[("x-forwarded-proto", "https, https")], Some(true)),
            (&[("x-forwarded-proto", "http")], Some(false)),
            (&[("x-forwarded-proto", "https,http")], Some(false)),
            (&[("x-forwarded-proto", "")], Some(false)),
            (&[("x-forwarded-proto", "wss")], Some(false)),
            (&[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], Some(false)),
            (&[("forwarded", "for=203.0.113.7;proto=https")], Some(true)),
            (&[("forwarded", "for=203.0.113.7;proto=http")], Some(false)),
            (&[("forwarded", "for=203.0.113.7")], None),
            (&[("forwarded", "for=\"")], Some(false)),
            // Between two proxies of ours http will do: what counts is how the client came.
            (&[("forwarded", "for=203.0.113.7;proto=https, for=10.0.0.2;proto=http")], Some(true)),
            (&[("forwarded", "for=203.0.113.7;proto=http, for=10.0.0.2;proto=https")], Some(false)),
            (&[("forwarded", "proto=https"), ("x-forwarded-proto", "http")], Some(false)),
        ] {
            assert_eq!(arrival("10.0.0.0/8", PROXY, fields).is_https, is_https, "{fields:?}");
            assert_eq!(arrival("", PROXY, fields).is_https, None, "nobody trusted: {fields:?}");
        }
    }
}
