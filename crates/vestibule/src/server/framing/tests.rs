use proptest::prelude::*;

use super::{FIELDS, Framing, Pushed, TARGET, Violation};

/// What went on, and how it ended.
fn read(pieces: &[&[u8]]) -> (Vec<u8>, Option<Violation>) {
    let mut framing = Framing::default();
    let (mut held, mut passed) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        let Pushed { pass, violation } = framing.push(piece);
        passed.extend(held.drain(..pass));
        if violation.is_some() {
            return (passed, violation);
        }
    }
    (passed, None)
}

fn violation(text: &str) -> Option<Violation> {
    read(&[text.as_bytes()]).1
}

#[test]
fn gw_15_what_is_complete_passes_and_what_is_not_waits() {
    for (passes, waits) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
        ("", "GET / HTTP/1.1\r\nHost: a\r\n\r"),
        ("GET / HTTP/1.0\r\n\r\n", ""),
        ("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n"),
        ("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "GET"),
        (
            "POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n",
            "GET",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n\0whatever", ""),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0whatever", ""),
        ("", "PRI * HTTP/2.0\r\n\r\nSM\r\n"),
        ("", "P"),
    ] {
        let (passed, violation) = read(&[passes.as_bytes(), waits.as_bytes()]);
        assert_eq!((String::from_utf8(passed).unwrap().as_str(), violation), (passes, None));
    }
}

#[test]
fn gw_15_nothing_of_a_head_that_is_wrong_goes_on() {
    let good = "GET /good HTTP/1.1\r\nHost: a\r\n\r\n";
    for bad in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let (passed, violation) = read(&[good.as_bytes(), bad.as_bytes()]);
        assert_eq!(passed, good.as_bytes(), "{bad:?}");
        assert!(matches!(violation, Some(Violation::Malformed(_))), "{bad:?}: {violation:?}");
    }
}

#[test]
fn gw_15_a_chunk_that_is_wrong_stops_where_it_is() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let text = format!("{head}2\r\nab\r\n+2\r\nab\r\n0\r\n\r\n");
    let (passed, violation) = read(&[text.as_bytes()]);
    assert!(matches!(violation, Some(Violation::Body(_))), "{violation:?}");
    assert_eq!(String::from_utf8(passed).unwrap(), format!("{head}2\r\nab\r\n"));
}

#[test]
fn rl_01_the_limits_are_met_to_the_byte() {
    let target = |length: usize| format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(length - 1));
    assert_eq!(violation(&target(TARGET)), None);
    assert_eq!(violation(&target(TARGET + 1)), Some(Violation::LongTarget));
    let fields = |count: usize| format!("GET / HTTP/1.0\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert_eq!(violation(&fields(FIELDS)), None);
    assert_eq!(violation(&fields(FIELDS + 1)), Some(Violation::LargeHead));
    // 16 bytes of request line, 7 around the value.
    let large = |length: usize| format!("GET / HTTP/1.0\r\na: {}\r\n\r\n", "b".repeat(length - 23));
    assert_eq!(large(super::HEAD).len(), super::HEAD);
    assert_eq!(violation(&large(super::HEAD)), None);
    assert_eq!(violation(&large(super::HEAD + 1)), Some(Violation::LargeHead));
}

/// Requests, parts of them, and what attackers put between.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a?b HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Upgrade: websocket\r\n",
        "X: y\r\n",
        "\r\n",
        "abc",
        "3\r\nabc\r\n",
        "a;b=c\r\n0123456789\r\n",
        "0\r\n\r\n",
        "0\r\nX: y\r\n\r\n",
        "\n",
        "\r",
        " ",
        "\0",
        ":",
        "+3",
    ]);
    prop::collection::vec(parts, 1..12).prop_map(|parts| parts.concat().into_bytes())
}

/// A request that is right, with a byte changed here and there.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    changes.prop_map(|changes| {
        let mut text =
            b"GET /a?b=c HTTP/1.1\r\nHost: a.test:80\r\nAccept: */*\r\nX-Y: a b\r\n\r\n".to_vec();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

proptest! {
    #[test]
    fn gw_15_the_verdict_does_not_depend_on_how_bytes_are_cut(
        text in prop_oneof![pieces(), nearly_right()],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = read(&[&text]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let cut: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(&cut), whole.clone());
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        prop_assert_eq!(read(&bytes), whole);
    }

    #[test]
    fn gw_15_the_parser_behind_finds_the_same_head(text in nearly_right()) {
        let (passed, violation) = read(&[&text]);
        if violation.is_none() && !passed.is_empty() {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut request = httparse::Request::new(&mut fields);
            prop_assert_eq!(request.parse(&text), Ok(httparse::Status::Complete(text.len())));
        }
    }
}
