//! What a client says in `X-Forwarded-For` and `Forwarded` decides nothing: what a trusted proxy puts behind it
//! does, or nothing does (GW-16). Lines that begin with `f` are of `Forwarded`, with `p` of `X-Forwarded-Proto`,
//! all others of `X-Forwarded-For`.

use std::net::IpAddr;

use vestibule_types::{Arrival, TrustedHops};

pub(crate) const WORDS: [&str; 20] = [
    "127.0.0.1",
    "10.0.0.7",
    "203.0.113.7",
    "198.51.100.9",
    "[2001:db8::7]:443",
    "::ffff:10.0.0.7",
    ", ",
    ",",
    "\n",
    "\nffor=",
    "ffor=\"",
    "\"",
    "\\",
    ";",
    ";proto=https",
    "\nphttps",
    "unknown",
    "_hidden",
    ":8080",
    "for=",
];

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const CLIENT: &str = "203.0.113.77";

pub(crate) fn check(data: &[u8]) {
    let ranges = ["10.0.0.0/8", "127.0.0.1", "2001:db8:5::/48"];
    let trusted: TrustedHops = ranges.iter().map(|range| range.parse().expect("a range")).collect();
    let said = Said::read(data);
    nobody_is_believed_by_default(&said);
    a_client_is_somebody_named(&trusted, &said);
    the_last_word_is_the_proxys(&trusted, &said);
}

/// Header lines of a request.
#[derive(Clone, Debug, Default)]
struct Said {
    listed: Vec<Vec<u8>>,
    elements: Vec<Vec<u8>>,
    protos: Vec<Vec<u8>>,
}

impl Said {
    fn read(data: &[u8]) -> Self {
        let mut said = Self::default();
        for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match line {
                [b'f', rest @ ..] => said.elements.push(rest.to_vec()),
                [b'p', rest @ ..] => said.protos.push(rest.to_vec()),
                _ => said.listed.push(line.to_vec()),
            }
        }
        said
    }

    fn arrival(&self, trusted: &TrustedHops, peer: IpAddr) -> Arrival {
        trusted.arrival(peer, |name| {
            let lines = match name {
                "x-forwarded-for" => &self.listed,
                "forwarded" => &self.elements,
                _ => &self.protos,
            };
            lines.iter().map(Vec::as_slice).collect()
        })
    }
}

fn nobody_is_believed_by_default(said: &Said) {
    let arrival = said.arrival(&TrustedHops::default(), PEER);
    assert_eq!(arrival, Arrival { client: PEER, is_https: None });
}

fn a_client_is_somebody_named(trusted: &TrustedHops, said: &Said) {
    let Arrival { client, is_https } = said.arrival(trusted, PEER);
    let is_said = !said.listed.is_empty() || !said.elements.is_empty();
    assert!(client == PEER || is_said, "{client} came from nowhere");
    assert!(is_https != Some(true) || !said.protos.is_empty() || !said.elements.is_empty());
}

/// However a proxy adds the client that it saw, in the same line or in one of its own.
fn the_last_word_is_the_proxys(trusted: &TrustedHops, said: &Said) {
    let client: IpAddr = CLIENT.parse().expect("an address");
    let add = |lines: &mut Vec<Vec<u8>>, text: &str, in_line: bool| match lines.last_mut() {
        Some(line) if in_line => line.extend_from_slice(format!(", {text}").as_bytes()),
        _ => lines.push(text.as_bytes().to_vec()),
    };
    for in_line in [true, false] {
        let mut listed = said.clone();
        add(&mut listed.listed, CLIENT, in_line);
        let mut told = said.clone();
        add(&mut told.elements, &format!("for={CLIENT}"), in_line);
        let mut both = listed.clone();
        both.elements.clone_from(&told.elements);
        for heard in [listed, told, both] {
            let found = heard.arrival(trusted, PEER).client;
            assert!(found == client || found == PEER, "{found} by {heard:?}");
        }
    }
}
