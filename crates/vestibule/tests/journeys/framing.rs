//! Requests on raw sockets, right ones and wrong ones, against a real server over a real upstream (GW-15, RL-01).
//!
//! A new case is a line in one of the tables.

use tokio::io::AsyncWriteExt as _;
use vestibule::server::Edge;

use crate::served::{Recorder, Served, site_over, statuses, until_closed};

/// What is sent after each request: when the server goes on, this is answered and ends the connection; when it does not, nobody
/// ever hears of it.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A request, what it is answered with, and what of it the upstream sees.
type Case = (&'static str, &'static str, &'static [u16], &'static [&'static str]);

/// What has to work.
const RIGHT: [Case; 19] = [
    ("a page", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", &[200], &["GET /x"]),
    ("a query", "GET /x?a=b&c|d HTTP/1.1\r\nHost: a\r\n\r\n", &[200], &["GET /x?a=b&c|d"]),
    ("no space before a value", "GET /x HTTP/1.1\r\nHost:a\r\n\r\n", &[200], &["GET /x"]),
    ("spaces around a value", "GET /x HTTP/1.1\r\nHost:   a  \r\n\r\n", &[200], &["GET /x"]),
    ("an empty value", "GET /x HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", &[200], &["GET /x"]),
    ("another host", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", &[421], &[]),
    ("a host with a port", "GET /x HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n", &[200], &["GET /x"]),
    ("a tab in a value", "GET /x HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n", &[200], &["GET /x"]),
    (
        "letters of other alphabets",
        "GET /x HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\n",
        &[200],
        &["GET /x"],
    ),
    ("a URL", "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", &[200], &["GET /x"]),
    (
        "a body",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        &[200],
        &["POST /x abc"],
    ),
    ("no body", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", &[200], &["POST /x"]),
    (
        "a body that looks like a request",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\nGET /y HTTP/1.",
        &[200],
        &["POST /x GET /y HTTP/1."],
    ),
    (
        "chunks",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n",
        &[200],
        &["POST /x abc0123456789"],
    ),
    (
        "CHUNKS",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n",
        &[200],
        &["POST /x a"],
    ),
    (
        "an extension of a chunk",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;name=\"value\"\r\na\r\n0\r\n\r\n",
        &[200],
        &["POST /x a"],
    ),
    (
        "trailers",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n",
        &[200],
        &["POST /x a"],
    ),
    (
        "two at once",
        "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n",
        &[200, 200],
        &["GET /x", "GET /y"],
    ),
    (
        "bodies at once",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\naPOST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n",
        &[200, 200],
        &["POST /x a", "POST /y b"],
    ),
];

#[tokio::test]
async fn gw_15_requests_that_are_beyond_doubt_are_answered_one_after_another() {
    let (recorder, url) = Recorder::start().await;
    let served = Served::new(Edge::default(), site_over(&url)).await;
    for (name, request, answers, seen) in RIGHT {
        let said = served.exchange(format!("{request}{NEXT}").as_bytes()).await;
        assert_eq!(statuses(&said), [answers, &[200]].concat(), "{name}: {said}");
        assert_eq!(recorder.take(), [seen, &["GET /next"]].concat(), "{name}");
    }
}

/// Heads that two parsers could read differently: 400, and none of it goes on.
const WRONG: [(&str, &str); 67] = [
    // Two lengths: the classics.
    (
        "CL.TE",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    ),
    (
        "TE.CL",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n",
    ),
    (
        "CL.0 with chunks",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "two lengths that differ",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    ),
    (
        "two lengths that agree",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    ),
    ("a list of lengths", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nabcde"),
    ("a list of two lengths", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5,6\r\n\r\nabcde"),
    ("a length with a sign", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde"),
    ("a length below zero", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nabcde"),
    ("two numbers", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\nabcde"),
    ("an empty length", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    ("a hexadecimal length", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nabcde"),
    ("a length with a fraction", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\nabcde"),
    (
        "a length with an exponent",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5e0\r\n\r\nabcde",
    ),
    (
        "a length with an underscore",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\nabcdefghij",
    ),
    ("a length in quotes", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: \"5\"\r\n\r\nabcde"),
    (
        "a length over 64 bits",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nabcde",
    ),
    ("a length behind a tab", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length:\t5\r\n\r\nabcde"),
    ("an Arabic digit", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: \u{665}\r\n\r\nabcde"),
    // Codings that are not exactly chunked.
    (
        "TE.TE",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked twice",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked, chunked",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "gzip, chunked",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked, identity",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "identity",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    ),
    ("xchunked", "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("quoted", "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("an empty coding", "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n"),
    (
        "a coding with a parameter",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
    ),
    (
        "a comma behind",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    ),
    ("a tab before", "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"),
    (
        "a vertical tab",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks in HTTP/1.0",
        "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    // Blanks where none may be.
    (
        "a blank before the colon",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    ("a tab before the colon", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\nabcde"),
    ("a folded line", "GET /x HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"),
    (
        "a folded coding",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ),
    ("a line folded by a tab", "GET /x HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n"),
    ("a blank before the first field", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("an empty line before the request", "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a blank before the request", " GET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two blanks in the request line", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two blanks before the version", "GET /x  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a blank behind the version", "GET /x HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("a tab in the request line", "GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a blank in the target", "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n"),
    // Line ends.
    ("line feeds alone", "GET /x HTTP/1.1\nHost: a\n\n"),
    ("a line feed behind the request line", "GET /x HTTP/1.1\nHost: a\r\n\r\n"),
    (
        "a line feed behind a field",
        "POST /x HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("a line feed at the end", "GET /x HTTP/1.1\r\nHost: a\r\n\n"),
    (
        "a carriage return in a value",
        "POST /x HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("two carriage returns", "GET /x HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    ("a zero byte in a value", "GET /x HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"),
    ("a zero byte in a name", "GET /x HTTP/1.1\r\nHost: a\r\nContent\0-Length: 5\r\n\r\nabcde"),
    // Names, methods, targets, versions, hosts.
    ("no name", "GET /x HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n"),
    ("no colon", "GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n\r\n"),
    ("a name that is no token", "GET /x HTTP/1.1\r\nHost: a\r\nX@Y: z\r\n\r\n"),
    (
        "a name with an umlaut",
        "GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Enc\u{f6}ding: chunked\r\n\r\n",
    ),
    ("a small method", "get /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a method of our own", "~431 /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a fragment", "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/1.2", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("no version", "GET /x\r\nHost: a\r\n\r\n"),
    ("no host", "GET /x HTTP/1.1\r\nX: y\r\n\r\n"),
    ("two hosts", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("a host with a path", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n"),
];

#[tokio::test]
async fn gw_15_a_head_that_can_be_read_in_two_ways_is_refused_and_nothing_of_it_goes_on() {
    let (recorder, url) = Recorder::start().await;
    let served = Served::new(Edge::default(), site_over(&url)).await;
    for (name, request) in WRONG {
        let said = served.exchange(format!("{request}{NEXT}").as_bytes()).await;
        assert_eq!(statuses(&said), [400], "{name}: {said}");
        assert!(said.contains("\r\nconnection: close\r\n"), "{name}: {said}");
        assert!(said.contains("\"code\":\"malformed_request\""), "{name}: {said}");
        assert_eq!(recorder.take(), [""; 0], "{name}");

        let behind = format!("GET /first HTTP/1.1\r\nHost: a\r\n\r\n{request}{NEXT}");
        let said = served.exchange(behind.as_bytes()).await;
        assert_eq!(statuses(&said), [200, 400], "{name}, behind another: {said}");
        assert_eq!(recorder.take(), ["GET /first"], "{name}");
    }
}

/// Bodies in chunks that are none: the connection breaks, and the upstream never has a whole message.
const BROKEN: [(&str, &str); 24] = [
    ("0x", "0x3\r\nabc\r\n0\r\n\r\n"),
    ("a sign", "+3\r\nabc\r\n0\r\n\r\n"),
    ("below zero", "-3\r\nabc\r\n0\r\n\r\n"),
    ("a blank before", " 3\r\nabc\r\n0\r\n\r\n"),
    ("a blank behind", "3 \r\nabc\r\n0\r\n\r\n"),
    ("a tab behind", "3\t\r\nabc\r\n0\r\n\r\n"),
    ("a blank before an extension", "3 ;a\r\nabc\r\n0\r\n\r\n"),
    ("no size", "\r\nabc\r\n0\r\n\r\n"),
    ("an underscore", "1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
    ("no number", "g\r\nabc\r\n0\r\n\r\n"),
    ("too many digits", "00000000000000003\r\nabc\r\n0\r\n\r\n"),
    ("over 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    ("a line feed alone", "3\nabc\r\n0\r\n\r\n"),
    ("a line feed in an extension", "3;\nabc\r\n0\r\n\r\n"),
    ("a carriage return in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
    ("a zero byte in an extension", "3;a\0b\r\nabc\r\n0\r\n\r\n"),
    ("no end of a chunk", "3\r\nabc0\r\n\r\n"),
    ("a line feed behind a chunk", "3\r\nabc\n0\r\n\r\n"),
    ("more than the size", "3\r\nabcd\r\n0\r\n\r\n"),
    ("a line feed at the end", "3\r\nabc\r\n0\r\n\n"),
    ("a folded trailer", "3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n"),
    ("a length in the trailers", "3\r\nabc\r\n0\r\nContent-Length: 44\r\n\r\n"),
    ("a coding in the trailers", "3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("a trailer without a name", "3\r\nabc\r\n0\r\n: y\r\n\r\n"),
];

const CHUNKED: &str = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn breaks(served: &Served, recorder: &Recorder, name: &str, body: &str) {
    let said = served.exchange(format!("{CHUNKED}{body}{NEXT}").as_bytes()).await;
    assert_eq!(statuses(&said), [400], "{name}: {said}");
    assert_eq!(recorder.take(), [""; 0], "{name}");
}

#[tokio::test]
async fn gw_15_a_body_in_broken_chunks_never_becomes_a_whole_message() {
    let (recorder, url) = Recorder::start().await;
    let served = Served::new(Edge::default(), site_over(&url)).await;
    for (name, body) in BROKEN {
        breaks(&served, &recorder, name, body).await;
    }
    let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "a".repeat(128));
    breaks(&served, &recorder, "a long extension", &long).await;
    let many = format!("3\r\nabc\r\n0\r\n{}\r\n", "X: y\r\n".repeat(65));
    breaks(&served, &recorder, "too many trailers", &many).await;
    let large = format!("3\r\nabc\r\n0\r\nX: {}\r\n\r\n", "y".repeat(16 * 1024));
    breaks(&served, &recorder, "large trailers", &large).await;
}

#[tokio::test]
async fn rl_01_a_head_over_the_limits_is_refused_and_one_at_them_is_not() {
    let (recorder, url) = Recorder::start().await;
    let served = Served::new(Edge::default(), site_over(&url)).await;
    let target =
        |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length - 1));
    let fields = |count: usize| {
        format!("GET /x HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1))
    };
    let large = |length: usize| {
        let frame = "GET /x HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET /x HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(length - frame))
    };
    for (request, answer) in [
        (target(8192), 200),
        (target(8193), 414),
        (fields(64), 200),
        (fields(65), 431),
        (large(16 * 1024), 200),
        (large(16 * 1024 + 1), 431),
        (large(1024 * 1024), 431),
    ] {
        let length = request.len();
        let said = served.exchange(format!("{request}{NEXT}").as_bytes()).await;
        let answers = if answer == 200 { vec![200, 200] } else { vec![answer] };
        assert_eq!(statuses(&said), answers, "{length} bytes: {said}");
        assert_eq!(recorder.take().len(), if answer == 200 { 2 } else { 0 }, "{length} bytes");
    }
}

#[tokio::test]
async fn gw_15_no_byte_behind_a_refused_upgrade_is_read_as_a_request() {
    let (recorder, url) = Recorder::start().await;
    let served = Served::new(Edge::default(), site_over(&url)).await;
    for (name, request, answer, seen) in [
        (
            "h2c",
            "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
            200,
            &["GET /x"][..],
        ),
        (
            "an upgrade that no Connection names",
            "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n",
            200,
            &["GET /x"],
        ),
        (
            "an upgrade with a body",
            "POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
            200,
            &["POST /x abc"],
        ),
        ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 421, &[]),
    ] {
        let said = served.exchange(format!("{request}{NEXT}").as_bytes()).await;
        assert_eq!(statuses(&said), [answer], "{name}: {said}");
        assert!(said.contains("\r\nconnection: close\r\n"), "{name}: {said}");
        assert_eq!(recorder.take(), seen, "{name}");
    }
}

#[tokio::test]
async fn gw_15_who_is_refused_may_still_be_sending_and_reads_why_all_the_same() {
    let (_, url) = Recorder::start().await;
    let served = Served::new(Edge::default(), site_over(&url)).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET / HTTP/9\r\n").await.unwrap();
    let said = until_closed(&mut stream).await;
    assert_eq!(statuses(&said), [400], "{said}");
    // A socket that is closed with bytes unread is reset, and what it said may be lost with it.
    for _ in 0..3 {
        stream.write_all(&[b'x'; 10_000]).await.unwrap();
    }
}

#[tokio::test]
async fn gw_15_a_body_that_ends_early_is_no_message() {
    let (recorder, url) = Recorder::start().await;
    let served = Served::new(Edge::default(), site_over(&url)).await;
    for request in [
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\n",
    ] {
        let mut stream = served.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        until_closed(&mut stream).await;
        assert_eq!(recorder.take(), [""; 0], "{request:?}");
    }
}
