//! One table of requests, sent to the FastAPI backend and to our own API: the one answers as the contract says, the other
//! does too, or differs for a reason that docs/contract.md gives.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vestibule_gateway::Upstream;
use vestibule_testbed::fastapi::Options;
use vestibule_types::Clock;

use crate::fastapi::Fastapi;
use crate::support::{Answer, Client, NOW, PASSWORD, TestApi, Tokens, person};

const TABLE: &str = include_str!("conformance.txt");
const DOCUMENT: &str = include_str!("../../../../docs/contract.md");

/// A request, and what is said to it.
#[derive(Debug, Default)]
struct Row {
    request: &'static str,
    shows: &'static str,
    body: &'static str,
    says: &'static str,
    /// What ours says instead, and why.
    ours: Option<&'static str>,
    since: &'static str,
}

fn rows() -> Vec<Row> {
    let written = TABLE.split("\n\n").map(str::trim).filter(|row| !row.starts_with('#'));
    written.map(row).collect()
}

fn row(text: &'static str) -> Row {
    let mut lines = text.lines();
    let mut row = Row { request: lines.next().unwrap(), ..Row::default() };
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "shows" => row.shows = rest,
            "body" => row.body = rest,
            "says" => row.says = rest,
            "ours" => row.ours = Some(rest),
            "since" => row.since = rest,
            _ => panic!("{line}"),
        }
    }
    assert!(!row.says.is_empty() && row.ours.is_some() != row.since.is_empty(), "{row:?}");
    row
}

/// An API with Ada, whose tokens are at hand, and Carl.
async fn peopled(client: Client) -> (Client, Tokens) {
    for name in ["ada", "carl"] {
        let answer = client.post_json("/api/v1/user", &person(name)).await;
        assert_eq!(answer.status, 201, "{answer}");
    }
    let tokens = Tokens::of(&client.log_in("ada", PASSWORD).await);
    (client, tokens)
}

async fn said((client, tokens): &(Client, Tokens), row: &Row) -> String {
    let bearer = format!("Bearer {}", tokens.access);
    let cookie = format!("refresh_token={}", tokens.refresh);
    let both = [("authorization", bearer.as_str()), ("cookie", cookie.as_str())];
    let mut headers = match row.shows {
        "" => vec![],
        "access" => both[..1].to_vec(),
        "refresh" => both[1..].to_vec(),
        "both" => both.to_vec(),
        line => vec![line.split_once(": ").unwrap()],
    };
    let (method, path) = row.request.split_once(' ').unwrap();
    let kind = match path {
        "/login" => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    headers.push(("content-type", kind));
    shape(&client.request(method, &format!("/api/v1{path}"), &headers, row.body).await)
}

/// Status, body and challenge; without what differs at each login, and of a refused field its place and kind.
fn shape(answer: &Answer) -> String {
    let body = match serde_json::from_str::<Value>(&answer.body) {
        Ok(json) if json["detail"].is_array() => answer.refused().join(" "),
        Ok(mut json) => {
            if let Some(token) = json.get_mut("access_token") {
                *token = "…".into();
            }
            json.to_string()
        }
        Err(_) => answer.body.clone(),
    };
    let said = [answer.status.to_string(), body, answer.header("www-authenticate").to_owned()];
    said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn our_api_says_what_the_fastapi_backend_says_or_differs_for_a_reason() {
    let backend = Fastapi::with(Options::default(), &Clock::stopped_at(NOW));
    let theirs = peopled(Client::of(Upstream::in_process(backend.router()))).await;
    let api = TestApi::new().await;
    let ours = peopled(Client::of(Upstream::in_process(api.inner.router()))).await;
    let document = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut wrong = Vec::new();
    for row in rows() {
        let expected = row.ours.unwrap_or(row.says);
        let both = [
            ("FastAPI", said(&theirs, &row).await, row.says),
            ("ours", said(&ours, &row).await, expected),
        ];
        for (who, said, expected) in both.into_iter().filter(|(_, said, expected)| said != expected)
        {
            wrong.push(format!("{row:?}\n   {who} says  {said}\n   and should  {expected}"));
        }
        assert!(document.contains(row.since), "docs/contract.md does not say: {}", row.since);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn decoded(token: &str, part: usize) -> Value {
    let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(part).unwrap()).unwrap();
    serde_json::from_slice(&part).unwrap()
}

#[tokio::test]
async fn tokens_and_cookies_of_the_fastapi_backend_are_as_the_contract_measured_them() {
    let backend = Fastapi::with(Options::default(), &Clock::stopped_at(NOW));
    let (client, tokens) = peopled(Client::of(Upstream::in_process(backend.router()))).await;
    for (token, kind, life) in
        [(&tokens.access, "access", 1800), (&tokens.refresh, "refresh", 604_800)]
    {
        assert_eq!(decoded(token, 0).to_string(), r#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = json!({"sub": "ada", "exp": NOW + life, "token_type": kind});
        assert_eq!(decoded(token, 1), claims, "and no more");
    }
    let again = client.log_in("ada", PASSWORD).await;
    assert_eq!(Tokens::of(&again).access, tokens.access, "twins within a second");
    let cookie = "; HttpOnly; Max-Age=604800; Path=/; SameSite=lax; Secure";
    assert_eq!(again.cookies(), [format!("refresh_token={}{cookie}", tokens.refresh)]);
    assert_eq!(again.header("cache-control"), "public, max-age=60");
    assert_eq!(client.get("/api/v1/users?page=0").await.header("cache-control"), "");

    let both = [
        ("authorization", &*format!("Bearer {}", tokens.access)),
        ("cookie", &*format!("refresh_token={}", tokens.refresh)),
    ];
    assert!(client.post_cookie("/api/v1/refresh", &tokens.refresh).await.cookies().is_empty());
    let out = client.request("POST", "/api/v1/logout", &both, "").await;
    let cleared = &out.cookies()[0];
    assert!(cleared.starts_with("refresh_token=\"\"; expires="), "{cleared}");
    assert!(cleared.ends_with("; Max-Age=0; Path=/; SameSite=lax"), "{cleared}");
}

#[tokio::test]
async fn a_renamed_or_deleted_user_of_the_fastapi_backend_keeps_a_refresh_token_that_opens_nothing()
{
    let backend = Fastapi::with(Options::default(), &Clock::stopped_at(NOW));
    let (client, tokens) = peopled(Client::of(Upstream::in_process(backend.router()))).await;
    let access = &tokens.access;
    let renamed =
        client.patch_as("/api/v1/user/ada", access, &json!({"username": "countess"})).await;
    assert_eq!(renamed.says(), r#"200 {"message":"User updated"}"#);
    assert_eq!(client.get_as("/api/v1/user/me/", access).await.status, 401);
    assert_eq!(client.post_cookie("/api/v1/refresh", &tokens.refresh).await.status, 200);

    let tokens = Tokens::of(&client.log_in("countess", PASSWORD).await);
    let deleted = client.delete_as("/api/v1/user/countess", &tokens.access).await;
    assert_eq!(deleted.says(), r#"200 {"message":"User deleted"}"#);
    assert_eq!(client.post_cookie("/api/v1/refresh", &tokens.refresh).await.status, 200);
    assert_eq!(client.log_in("countess", PASSWORD).await.status, 401);
    let taken = client.post_json("/api/v1/user", &person("countess")).await;
    assert_eq!(taken.says(), r#"422 {"detail":"Username not available"}"#, "its name stays taken");
}
