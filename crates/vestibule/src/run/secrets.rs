//! Where each role's secrets come from.

use std::path::Path;

use vestibule_api::SigningKeys;

use crate::key_file::{self, KEY_FILE, KeyFile, SIGNING_KEY};
use crate::secrets::{SecretError, Secrets, Source};
use crate::settings::{ApiArgs, FeedArgs, NextKeyArgs, SiteArgs};

pub(super) const AUTH_SECRET: &str = "AUTH_SECRET";

pub(super) const FEED_KEY: &str = "VESTIBULE_FEED_KEY";

pub(super) fn auth_secret(
    args: &SiteArgs,
    data: &Path,
    is_exposed: bool,
) -> Result<Secrets, SecretError> {
    Source {
        variable: AUTH_SECRET,
        value: secret_variable(AUTH_SECRET),
        file: args.auth_secret_file.as_deref(),
        kept_in: (!is_exposed).then(|| data.join("auth-secret")),
    }
    .load()
}

/// The site's secret for who only wants to know it: none is made.
pub(super) fn auth_secret_of_site(args: &NextKeyArgs) -> Result<Secrets, SecretError> {
    let source = Source {
        variable: AUTH_SECRET,
        value: secret_variable(AUTH_SECRET),
        file: args.auth_secret_file.as_deref(),
        kept_in: Some(args.data.join("auth-secret")),
    };
    source.given()?.ok_or(SecretError::NotMade(AUTH_SECRET))
}

pub(super) fn signing_keys(
    args: &ApiArgs,
    data: &Path,
    is_exposed: bool,
) -> Result<(SigningKeys, Option<KeyFile>), SecretError> {
    key_file::load(Source {
        variable: SIGNING_KEY,
        value: secret_variable(SIGNING_KEY),
        file: args.signing_key_file.as_deref(),
        kept_in: (!is_exposed).then(|| data.join(KEY_FILE)),
    })
}

/// The feed key as the API has it: on loopback made where none is given, elsewhere there may be none.
pub(super) fn feed_key(
    args: &FeedArgs,
    data: &Path,
    is_exposed: bool,
) -> Result<Option<Secrets>, SecretError> {
    let source = feed_source(args, data, is_exposed);
    if is_exposed { source.given() } else { source.load().map(Some) }
}

pub(super) fn feed_source<'a>(args: &'a FeedArgs, data: &Path, is_exposed: bool) -> Source<'a> {
    Source {
        variable: FEED_KEY,
        value: secret_variable(FEED_KEY),
        file: args.feed_key_file.as_deref(),
        kept_in: (!is_exposed).then(|| data.join("feed-key")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "secrets are settings, but must not be arguments (SE-02)"
)]
pub(super) fn secret_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
