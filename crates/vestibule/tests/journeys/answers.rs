//! What upstreams answer, down to the bytes: what makes no sense is never passed on, and what is right passes as it is.

use crate::support::TestApi;
use crate::wire::{End, ORIGIN, Site, Stub, code};

async fn stage() -> (TestApi, Stub, Site) {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let site = Site::new(&api, &[&format!("/open/** = {}", stub.url())]).await;
    (api, stub, site)
}

/// A client that has asked, and the upstream that is to answer.
async fn asked(site: &Site, stub: &Stub, method: &str) -> (End, End) {
    let mut client = site.client().await;
    client.request(method, "/open/x", &[ORIGIN]).await;
    (client, stub.asked().await.0)
}

#[tokio::test]
async fn gw_15_an_answer_that_two_readers_might_read_differently_is_thrown_away() {
    let (_api, stub, site) = stage().await;
    let large =
        format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(1 << 20));
    let many =
        format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X-Many: 1\r\n".repeat(500));
    let ok = "HTTP/1.1 200 OK\r\n";
    let cases = [
        // Two lengths, or none that is a number.
        format!("{ok}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
        format!("{ok}Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil!"),
        format!("{ok}Content-Length: 4\r\nContent-Length: 4\r\n\r\nevil"),
        format!("{ok}Content-Length: 4, 4\r\n\r\nevil"),
        format!("{ok}Content-Length: 4,5\r\n\r\nevil!"),
        format!("{ok}Content-Length: +4\r\n\r\nevil"),
        format!("{ok}Content-Length: -4\r\n\r\nevil"),
        format!("{ok}Content-Length: 0x4\r\n\r\nevil"),
        format!("{ok}Content-Length: 4 4\r\n\r\nevil"),
        format!("{ok}Content-Length: 4.\r\n\r\nevil"),
        format!("{ok}Content-Length:\r\n\r\nevil"),
        format!("{ok}Content-Length: 99999999999999999999999\r\n\r\nevil"),
        format!("{ok}Content-Length: 18446744073709551615\r\n\r\nevil"),
        // Another coding than ours to take off.
        format!("{ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding: gzip\r\n\r\nevil"),
        format!("{ok}Transfer-Encoding: identity\r\n\r\nevil"),
        format!("{ok}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        format!("{ok}Transfer-Encoding:\r\n\r\nevil"),
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        // Lines that are none.
        format!("{ok}X-A: 1\r\n folded: 2\r\nContent-Length: 0\r\n\r\n"),
        format!("{ok}Content-Length : 0\r\n\r\n"),
        format!("{ok}Content-Length\r\n\r\n"),
        format!("{ok}: 4\r\n\r\n"),
        format!("{ok}X-A: 1\rX-B: 2\r\nContent-Length: 0\r\n\r\n"),
        format!("{ok}X-A: 1\0\r\nContent-Length: 0\r\n\r\n"),
        format!("{ok}X A: 1\r\nContent-Length: 0\r\n\r\n"),
        // No answers.
        "HTTP/1.1 20 OK\r\n\r\n".to_owned(),
        "HTTP/1.1 099 Low\r\n\r\n".to_owned(),
        "HTTP/1.1 2000 High\r\n\r\n".to_owned(),
        "HTTP/3.0 200 OK\r\n\r\n".to_owned(),
        "HTP/1.1 200 OK\r\n\r\n".to_owned(),
        "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        "<html>hello</html>\r\n\r\n".to_owned(),
        "\0\0\0\u{12}\u{4}\0\0\0".to_owned(),
        large,
        many,
    ];
    for answer in cases {
        for method in ["GET", "HEAD", "POST"] {
            let (mut client, mut upstream) = asked(&site, &stub, method).await;
            // It may be cut before all of it is sent.
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut upstream.stream, answer.as_bytes()).await;
            if !answer.contains("\r\n\r\n") {
                upstream.half_close().await;
            }
            let shown = &answer[..answer.len().min(100)];
            let told = client.answer_to(method).await;
            assert_eq!(told.status, 502, "{method} {shown:?}: {told}");
            if method != "HEAD" {
                assert_eq!(code(&told).1, "upstream_broken", "{shown:?}");
            }
            assert_eq!(told.header("retry-after"), "2");
            // Nor is the connection used again.
            upstream.rest().await;
        }
    }
}

#[tokio::test]
async fn f14_half_an_answer_is_never_told_as_a_whole_one() {
    let (_api, stub, site) = stage().await;
    for half in ["", "HTTP/1.1", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"]
    {
        let (mut client, mut upstream) = asked(&site, &stub, "POST").await;
        upstream.send(half).await;
        drop(upstream);
        assert_eq!(code(&client.answer().await), (502, "upstream_broken".to_owned()), "{half:?}");
    }
    // Once the head has passed, the answer breaks off as it did for us.
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    for (answer, end) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf".to_owned(), ""),
        (chunked.to_owned(), ""),
        (chunked.to_owned(), "4\r\nha"),
        (chunked.to_owned(), "zz\r\nevil\r\n0\r\n\r\n"),
        (chunked.to_owned(), "-1\r\nevil\r\n0\r\n\r\n"),
        (chunked.to_owned(), "4 \nevil\r\n0\r\n\r\n"),
        (chunked.to_owned(), "4\r\nevil!\r\n0\r\n\r\n"),
        (chunked.to_owned(), "\r\n0\r\n\r\n"),
        (chunked.to_owned(), "fffffffffffffffff\r\nevil"),
        (chunked.to_owned(), "0\r\nx y: z\r\n\r\n"),
        (chunked.to_owned(), "0\r\n: z\r\n\r\n"),
    ] {
        let (mut client, mut upstream) = asked(&site, &stub, "GET").await;
        upstream.send(&answer).await;
        assert_eq!(client.head().await.status(), 200);
        client.until("half").await;
        upstream.send(end).await;
        upstream.half_close().await;
        let rest = String::from_utf8(client.rest().await).unwrap();
        assert!(!rest.contains("0\r\n\r\n"), "{end:?} is told as an end: {rest:?}");
        assert!(!rest.contains("HTTP/"), "{rest:?}");
        upstream.rest().await;
    }
}

#[tokio::test]
async fn gw_15_what_comes_after_an_answer_is_nobodys() {
    let (_api, stub, site) = stage().await;
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (method, answer, status) in [
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n", 200),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 45\r\n\r\n", 204),
        ("GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 45\r\n\r\n", 304),
    ] {
        let (mut client, mut upstream) = asked(&site, &stub, method).await;
        upstream.send(format!("{answer}{evil}")).await;
        let first = client.answer_to(method).await;
        assert_eq!(first.status, status, "{first}");
        if status == 204 {
            assert!(first.header("content-length").is_empty(), "RFC 9110, 8.6: {first}");
        }
        client.request("GET", "/open/next", &[]).await;
        let (mut next, head) = stub.asked().await;
        assert_eq!(head.line, "GET /open/next HTTP/1.1", "{answer:?}: on a connection of its own");
        next.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngood").await;
        assert_eq!(client.answer().await.body, "good", "{answer:?}");
        upstream.rest().await;
    }
}

#[tokio::test]
async fn interim_answers_are_not_answers() {
    let (_api, stub, site) = stage().await;
    let (mut client, mut upstream) = asked(&site, &stub, "GET").await;
    for interim in ["100 Continue", "102 Processing", "103 Early Hints\r\nLink: </x>", "199 Odd"] {
        upstream.send(format!("HTTP/1.1 {interim}\r\n\r\n")).await;
    }
    upstream.answer_with("final").await;
    assert_eq!(client.answer().await.says(), "200 final");
}

#[tokio::test]
async fn gw_03_gw_21_what_an_upstream_says_to_its_neighbour_alone_stays_there() {
    let (_api, stub, site) = stage().await;
    let (mut client, mut upstream) = asked(&site, &stub, "GET").await;
    upstream
        .send(
            "HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Private ,content-length, X-Other\r\nKeep-Alive: timeout=5\r\n\
             X-Private: 1\r\nX-Other: 2\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nServer: secret/1\r\n\
             X-Powered-By: secret\r\nX-Vestibule-User: eve\r\nX-Kept: yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
             Set-Cookie: vestibule=evil\r\nSet-Cookie: __Host-Http-vestibule=evil\r\nContent-Length: 2\r\n\r\nok",
        )
        .await;
    let head = client.head().await;
    for name in [
        "connection",
        "keep-alive",
        "x-private",
        "x-other",
        "proxy-authenticate",
        "upgrade",
        "server",
        "x-powered-by",
        "x-vestibule-user",
    ] {
        assert!(!head.has(name), "{name}: {head:?}");
    }
    assert_eq!((head.text("x-kept"), head.text("content-length")), ("yes", "2"));
    let cookies: Vec<_> = head.fields.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(client.take(2).await, b"ok");
}

#[tokio::test]
async fn answers_without_a_body_keep_what_they_say_of_one() {
    let (_api, stub, site) = stage().await;
    let (mut client, mut upstream) = asked(&site, &stub, "HEAD").await;
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 123456\r\nETag: \"e\"\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.text("content-length"), head.text("etag")), ("123456", "\"e\""));

    client.request("GET", "/open/x", &[("if-none-match", "\"e\"")]).await;
    assert_eq!(upstream.head().await.text("if-none-match"), "\"e\"");
    upstream.send("HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("etag")), (304, "\"e\""));

    client.request("DELETE", "/open/x", &[ORIGIN]).await;
    upstream.head().await;
    upstream.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 204);

    client.request("GET", "/open/x", &[]).await;
    upstream.head().await;
    upstream.answer_with("and so on, on the same connections").await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn ranges_pass_both_ways() {
    let (_api, stub, site) = stage().await;
    let (mut client, mut upstream) = asked(&site, &stub, "GET").await;
    upstream.send("HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.answer().await.header("accept-ranges"), "bytes");
    client.request("GET", "/open/x", &[("range", "bytes=2-3, 5-"), ("if-range", "\"e\"")]).await;
    let head = upstream.head().await;
    assert_eq!((head.text("range"), head.text("if-range")), ("bytes=2-3, 5-", "\"e\""));
    upstream
        .send("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/9\r\nContent-Length: 2\r\n\r\ncd")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.says(), answer.header("content-range")),
        ("206 cd".to_owned(), "bytes 2-3/9")
    );
    client.request("GET", "/open/x", &[("range", "bytes=99-")]).await;
    upstream.head().await;
    upstream
        .send("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.header("content-range"), "bytes */9");
}

#[tokio::test]
async fn clients_of_http_1_0_and_pipelines_are_answered_in_order() {
    let (_api, stub, site) = stage().await;
    let mut client = site.client().await;
    client.send("GET /open/old HTTP/1.0\r\nHost: localhost:3000\r\n\r\n").await;
    let (mut upstream, head) = stub.asked().await;
    assert_eq!(head.line, "GET /open/old HTTP/1.1");
    upstream
        .send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nplai\r\n1\r\nn\r\n0\r\n\r\n",
        )
        .await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nplain") && !answer.contains("chunked"), "{answer}");

    let mut client = site.client().await;
    let three: String = (1..=3)
        .map(|n| format!("GET /open/{n} HTTP/1.1\r\nHost: localhost:3000\r\n\r\n"))
        .collect();
    client.send(three).await;
    for n in 1..=3 {
        assert_eq!(upstream.head().await.line, format!("GET /open/{n} HTTP/1.1"));
        upstream.answer_with(&n.to_string()).await;
    }
    for n in 1..=3 {
        assert_eq!(client.answer().await.body, n.to_string());
    }
}

#[tokio::test]
async fn an_upstream_of_http_1_0_ends_its_answer_with_its_connection() {
    let (_api, stub, site) = stage().await;
    for head in ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"] {
        let (mut client, mut upstream) = asked(&site, &stub, "GET").await;
        upstream.send(format!("{head}until the end")).await;
        drop(upstream);
        assert_eq!(client.answer().await.says(), "200 until the end");
    }
}
