//! An API that answers to its gateways alone (GW-22).

use std::time::Duration;

use axum::Router;
use vestibule_api::ApiSettings;
use vestibule_gateway::{Pass, PlanSettings, Upstream};
use vestibule_types::Secret;

use crate::support::{Browser, Client, TestApi};

fn key(byte: u8) -> Secret {
    Secret::from_random([byte; 32])
}

async fn api() -> TestApi {
    let settings = ApiSettings {
        throttle: false,
        feed_keys: vec![key(7), key(8)],
        gateways_only: true,
        ..ApiSettings::default()
    };
    TestApi::with(settings).await
}

fn router(api: &TestApi) -> Router {
    api.inner.router()
}

fn site(api: &TestApi, upstream: Upstream) -> Browser {
    api.gateway_by(PlanSettings::new(upstream), Duration::from_secs(60)).1
}

#[tokio::test]
async fn gw_22_who_reaches_the_port_is_not_the_gateway() {
    let api = api().await;
    for path in ["/api/v1/user/me", "/api/v1/user/ada", "/api/v1/nothing", "/openapi.json"] {
        let answer = api.client.get(path).await;
        assert_eq!(
            (answer.status, answer.detail()),
            (403, "Only a gateway may call this API.".into()),
            "{path}"
        );
    }
    assert_eq!(api.client.log_in("ada", "Str1ngst!").await.status, 403);
    for path in ["/health", "/ready", "/.well-known/jwks.json"] {
        assert_eq!(api.client.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn gw_22_a_gateway_with_the_key_or_the_older_one_is_let_in() {
    let api = api().await;
    for byte in [7, 8] {
        let upstream =
            Upstream::in_process(router(&api)).with_pass(Pass::new(&key(byte), api.clock.clone()));
        let mut browser = site(&api, upstream).member(&format!("ada{byte}")).await;
        assert_eq!(browser.fetch("GET", "/api/v1/user/me", None).await.status, 200);
    }
}

#[tokio::test]
async fn gw_22_a_pass_is_good_for_a_minute_and_under_the_key_only() {
    let api = api().await;
    let of = |byte: u8, clock: &vestibule_types::Clock| {
        Pass::new(&key(byte), clock.clone()).issue().to_str().unwrap().to_owned()
    };
    let kept = of(7, &api.clock);
    let ask = async |pass: String| {
        api.client
            .request("GET", "/api/v1/user/me", &[("x-vestibule-pass", &pass)], "")
            .await
            .status
    };
    assert_eq!(ask(kept.clone()).await, 401);
    let later = format!("9{kept}");
    for forged in [of(9, &api.clock), later, kept.replace('.', ""), String::new(), ".".to_owned()] {
        assert_eq!(ask(forged.clone()).await, 403, "{forged}");
    }
    api.clock.advance(119);
    assert_eq!(ask(kept.clone()).await, 401, "clocks may differ by a minute");
    api.clock.advance(2);
    assert_eq!(ask(kept).await, 403);
}

#[tokio::test]
async fn gw_22_a_gateway_that_is_refused_signs_nobody_out() {
    let api = api().await;
    let known = Upstream::in_process(router(&api)).with_pass(Pass::new(&key(7), api.clock.clone()));
    let browser = site(&api, known).member("ada").await;
    api.clock.advance(1799);
    let mut elsewhere = site(&api, Upstream::in_process(router(&api)));
    elsewhere.jar = browser.jar.clone();
    let answer = elsewhere.visit("/dashboard").await;
    assert_eq!(answer.status, 503, "{answer}");
    assert!(elsewhere.is_signed_in() && answer.cookies().is_empty(), "CK-09: {answer}");
}

#[tokio::test]
async fn gw_22_no_client_brings_a_pass_of_its_own() {
    let api = api().await;
    let pass = Pass::new(&key(7), api.clock.clone()).issue();
    let mut site = site(&api, Upstream::in_process(router(&api)));
    let client: &Client = &site.client;
    let headers = [("x-vestibule-pass", pass.to_str().unwrap())];
    assert_eq!(client.request("GET", "/api/v1/user/ada", &headers, "").await.status, 403);
    assert_eq!(site.fetch("GET", "/api/v1/user/ada", None).await.status, 403);
}
