//! How often passwords may be guessed, and what many at once cost.

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt as _;
use vestibule::server::Edge;
use vestibule_api::ApiSettings;

use crate::served::{Served, until_closed};
use crate::support::{PASSWORD, TestApi};

async fn throttled() -> TestApi {
    let api = TestApi::with(ApiSettings::default()).await;
    api.register("ada").await;
    api
}

#[tokio::test]
async fn th_09_guessing_ends_in_429_and_the_owner_signs_in_from_elsewhere() {
    let api = throttled().await;
    let thief = api.client.at_address([203, 0, 113, 9]);
    for _ in 0..10 {
        assert_eq!(thief.log_in("ada", "wrong").await.status, 401);
    }
    let refused = thief.log_in("ada", PASSWORD).await;
    assert_eq!(refused.status, 429, "even the right password: {refused}");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(api.client.log_in("ada", PASSWORD).await.status, 200, "the owner, elsewhere");
    api.clock.advance(30);
    assert_eq!(thief.log_in("ada", PASSWORD).await.status, 200, "after the wait");
}

#[tokio::test]
async fn th_03_name_and_address_of_an_account_share_one_budget() {
    let api = throttled().await;
    for attempt in 0..10 {
        let name = ["ada", "ada@example.com", "ADA@example.com"][attempt % 3];
        assert_eq!(api.client.log_in(name, "wrong").await.status, 401);
    }
    for name in ["ada", "ada@example.com"] {
        assert_eq!(api.client.log_in(name, "wrong").await.status, 429, "{name}");
    }
}

#[tokio::test]
async fn th_09_unknown_names_meet_the_same_limit() {
    let api = throttled().await;
    let mut answers = Vec::new();
    for name in ["ada", "nobody"] {
        let mut last = None;
        for _ in 0..11 {
            last = Some(api.client.log_in(name, "wrong").await.says());
        }
        answers.push(last);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn th_07_right_passwords_are_never_counted_not_even_in_parallel() {
    let api = throttled().await;
    for answer in join_all((0..30).map(|_| api.client.log_in("ada", PASSWORD))).await {
        assert_eq!(answer.status, 200, "{answer}");
    }
    assert_eq!(api.client.log_in("ada", "wrong").await.status, 401, "the budget is untouched");
}

#[tokio::test]
async fn pw_07_a_flood_is_shed_with_503_and_no_other_status() {
    let api = TestApi::new().await;
    api.register("ada").await;
    let answers = join_all((0..400).map(|_| api.client.log_in("ada", PASSWORD))).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(count(200) + count(503), 400);
    assert!(count(200) >= 64, "{} served", count(200));
    for answer in answers.iter().filter(|answer| answer.status == 503) {
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(api.client.log_in("ada", PASSWORD).await.status, 200, "afterwards");
}

#[tokio::test]
async fn rl_01_who_sends_everything_before_listening_still_reads_the_refusal() {
    let refusing =
        axum::Router::new().fallback(async || (http::StatusCode::PAYLOAD_TOO_LARGE, "no"));
    let served = Served::new(Edge::default(), refusing).await;
    let body = vec![b'x'; 16 << 20];
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n\r\n1000000\r\n".to_owned();
    for (framing, end) in [(length, ""), (chunked, "\r\n0\r\n\r\n")] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}");
        let mut stream = served.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        stream.write_all(end.as_bytes()).await.unwrap();
        let said = until_closed(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 413 ") && said.ends_with("no"), "{said}");
    }
}
