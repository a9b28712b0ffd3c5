//! Whether a username is available, for whoever wants to register.

use std::iter::once;
use std::net::IpAddr;

use serde_json::json;
use vestibule_api::ApiSettings;

use crate::support::{Answer, Client, TestApi, person};

const PATH: &str = "/api/v1/username-available";

async fn ask(client: &Client, username: &str) -> Answer {
    client.get(&format!("{PATH}?username={username}")).await
}

fn person_of(username: &str, number: usize) -> serde_json::Value {
    let mut body = person(username);
    body["email"] = json!(format!("person{number}@example.com"));
    body
}

#[tokio::test]
async fn a_name_is_available_exactly_if_it_can_be_registered() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    let gone = api.member("eve").await;
    let rename = json!({"username": "countess"});
    assert_eq!(api.client.patch_as("/api/v1/user/ada", &ada.access, &rename).await.status, 200);
    assert_eq!(api.client.delete_as("/api/v1/user/eve", &gone.access).await.status, 200);
    for (number, (username, available, why)) in [
        ("bob", true, "nobody has it"),
        ("bob", false, "the row above has registered it"),
        ("countess", false, "somebody has it"),
        ("ada", false, "tokens that carry it are alive"),
        ("eve", false, "names of deleted accounts stay taken"),
        ("me", false, "a word that routes use"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = ask(&api.client, username).await;
        let says = format!(r#"200 {{"available":{available}}}"#);
        assert_eq!(answer.says(), says, "{username}: {why}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let made = api.client.post_json("/api/v1/user", &person_of(username, number)).await;
        assert_eq!(made.status == 201, available, "{username}: {made}");
    }
    assert!(!ask_as(&api, "countess", &ada.access).await, "not even to the one who has it");
    api.clock.advance(1800 + 30);
    assert_eq!(ask(&api.client, "ada").await.says(), r#"200 {"available":true}"#);
}

async fn ask_as(api: &TestApi, username: &str, access: &str) -> bool {
    let answer = api.client.get_as(&format!("{PATH}/?username={username}"), access).await;
    answer.json()["available"].as_bool().unwrap()
}

#[tokio::test]
async fn what_no_registration_takes_is_refused_in_the_same_words() {
    let api = TestApi::new().await;
    for (typed, username) in [
        ("", ""),
        ("a", "a"),
        ("abcdefghijklmnopqrstu", "abcdefghijklmnopqrstu"),
        ("Ada", "Ada"),
        ("a_b", "a_b"),
        ("a+b", "a b"),
        ("a%00b", "a\0b"),
        ("ad%C3%A4", "adä"),
    ] {
        let refused = ask(&api.client, typed).await;
        let registration = api.client.post_json("/api/v1/user", &person_of(username, 1)).await;
        let mut expected = registration.json();
        expected["detail"][0]["loc"][0] = json!("query");
        assert_eq!((refused.status, refused.json()), (422, expected), "{typed}");
    }
    for query in ["", "?", "?user=ada", "?Username=ada"] {
        let answer = api.client.get(&format!("{PATH}{query}")).await;
        assert_eq!((answer.status, answer.refused()), (422, vec!["query.username:missing".into()]));
    }
    assert_eq!(
        ask(&api.client, "a%ffb").await.refused(),
        ["query.username:string_pattern_mismatch"]
    );
    let twice = api.client.get(&format!("{PATH}?username=A&x=1&username=ada")).await;
    assert_eq!(
        twice.says(),
        r#"200 {"available":true}"#,
        "the last counts, others are passed over"
    );
    assert_eq!(api.client.request("POST", PATH, &[], "").await.status, 405);
}

async fn spent(client: &Client) {
    for number in 0..30 {
        assert_eq!(ask(client, &format!("name{number}")).await.status, 200);
    }
    let refused = ask(client, "ada").await;
    assert_eq!(refused.says(), r#"429 {"detail":"Too many attempts. Try again later."}"#);
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn an_address_may_ask_about_thirty_names_and_then_one_a_second() {
    let api = TestApi::with(ApiSettings::default()).await;
    let reader = api.client.at_address([203, 0, 113, 9]);
    spent(&reader).await;
    assert_eq!(ask(&reader, "A").await.status, 429, "malformed or not");
    assert_eq!(ask(&api.client, "ada").await.status, 200, "somebody elsewhere");
    let signed_up = reader.post_json("/api/v1/user", &person("ada")).await;
    assert_eq!(signed_up.status, 201, "a registration is another matter");
    api.clock.advance(1);
    assert_eq!(ask(&reader, "bob").await.status, 200);
    assert_eq!(ask(&reader, "bob").await.status, 429);
}

#[tokio::test]
async fn behind_a_trusted_gateway_the_client_is_counted_and_behind_another_the_gateway() {
    let settings = ApiSettings {
        trusted_proxies: once(IpAddr::from([10, 0, 0, 1]).into()).collect(),
        ..ApiSettings::default()
    };
    let api = TestApi::with(settings).await;
    for (gateway, statuses) in [([10, 0, 0, 1], [200, 200]), ([10, 0, 0, 2], [200, 429])] {
        let gateway = api.client.at_address(gateway);
        for (client, status) in ["203.0.113.1", "203.0.113.2"].into_iter().zip(statuses) {
            let mut last = 0;
            for number in 0..30 {
                let path = format!("{PATH}?username=name{number}");
                let of = [("x-forwarded-for", client)];
                last = gateway.request("GET", &path, &of, "").await.status;
            }
            assert_eq!(last, status, "{client}");
        }
    }
}

#[tokio::test]
async fn through_the_site_each_visitor_has_a_budget_of_his_own() {
    let api = TestApi::with(ApiSettings::default()).await;
    let site = api.site();
    spent(&site.client.at_address([203, 0, 113, 1])).await;
    assert_eq!(ask(&site.client.at_address([203, 0, 113, 2]), "ada").await.status, 200);
}
