//! Pages for people: sign up, sign in, the account, what went wrong, and the API reference.
//!
//! Everything works without script; `assets/vestibule.js` only makes it nicer. No page has an inline
//! script or style, so the policy in [`page`] needs no exception.

pub mod assets;
pub mod dates;
pub mod docs;
mod error_text;
pub mod page;
pub mod pages;
mod routes;
pub mod text;

pub use routes::{site, with_error_pages};

use axum::Router;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

/// The page that shows an OpenAPI document to people, and the files it needs, to be served at `/docs`.
pub fn reference(document: &Value) -> Router {
    let html = docs::page(&pages::Frame::default(), document);
    let show = async move || -> Response { page::respond(StatusCode::OK, html.clone()) };
    routes::counted(Router::new().route("/docs", axum::routing::get(show)).merge(assets::router()))
}
