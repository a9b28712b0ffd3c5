//! The API itself, without a gateway.

use axum::body::Body;
use http::{Request, header};
use serde_json::json;

use crate::World;
use crate::balancer::{claims, refresh_token};
use crate::browser::{Answer, PATIENCE, ask};

/// One of its nodes.
pub(crate) struct Direct<'a> {
    pub(crate) world: &'a World,
    pub(crate) node: usize,
}

/// What a login at the API hands out.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) sid: String,
}

impl Direct<'_> {
    pub(crate) async fn send(
        &self,
        request: http::request::Builder,
        body: String,
    ) -> Option<Answer> {
        let request = request.body(Body::from(body)).expect("a request of ours is legal");
        ask(&self.world.cluster.nodes[self.node].upstream, request, PATIENCE, |_| {}).await
    }

    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Option<Tokens> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("username", username), ("password", password)])
            .finish();
        let request = Request::post("/api/v1/login")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = self.send(request, body).await.filter(|answer| answer.status == 200)?;
        let access = answer.json()["access_token"].as_str()?.to_owned();
        let refresh = refresh_token(&answer.headers, header::SET_COOKIE)?.to_owned();
        let sid = claims(&access)?.sid;
        Some(Tokens { access, refresh, sid })
    }

    pub(crate) async fn me(&self, access: &str) -> Option<Answer> {
        self.send(bearing(Request::get("/api/v1/user/me"), access), String::new()).await
    }

    pub(crate) async fn refresh(&self, refresh: &str) -> Option<Answer> {
        let request = Request::post("/api/v1/refresh")
            .header(header::COOKIE, format!("refresh_token={refresh}"));
        self.send(request, String::new()).await
    }

    pub(crate) async fn log_out(&self, tokens: &Tokens) -> Option<Answer> {
        let request = bearing(Request::post("/api/v1/logout"), &tokens.access)
            .header(header::COOKIE, format!("refresh_token={}", tokens.refresh));
        self.send(request, String::new()).await
    }

    pub(crate) async fn end_session(&self, by: &Tokens, sid: &str) -> Option<Answer> {
        let request = Request::delete(format!("/api/v1/user/me/sessions/{sid}"));
        self.send(bearing(request, &by.access), String::new()).await
    }

    pub(crate) async fn end_others(&self, by: &Tokens) -> Option<Answer> {
        let request = Request::delete("/api/v1/user/me/sessions");
        self.send(bearing(request, &by.access), String::new()).await
    }

    pub(crate) async fn change_password(
        &self,
        by: &Tokens,
        old: &str,
        new: &str,
    ) -> Option<Answer> {
        let body = json!({"current_password": old, "new_password": new}).to_string();
        let request = Request::put("/api/v1/user/me/password")
            .header(header::CONTENT_TYPE, "application/json");
        self.send(bearing(request, &by.access), body).await
    }

    pub(crate) async fn delete_account(&self, by: &Tokens, username: &str) -> Option<Answer> {
        let request = Request::delete(format!("/api/v1/user/{username}"));
        self.send(bearing(request, &by.access), String::new()).await
    }
}

fn bearing(request: http::request::Builder, access: &str) -> http::request::Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {access}"))
}
