use std::net::IpAddr;

use vestibule_types::Secret;

/// How the identity API behaves.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Life of an access token, in seconds.
    pub access_ttl: i64,
    /// Life of a session and its refresh tokens, in seconds.
    pub refresh_ttl: i64,
    /// Whether login attempts are limited.
    pub throttle: bool,
    /// Web origins that may call with credentials (CORS). None: no CORS headers at all.
    pub cors_origins: Vec<String>,
    /// Peers whose `X-Forwarded-For` is believed. None: the socket's address counts (GW-16).
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether `/openapi.json` is served.
    pub docs: bool,
    /// Keys of which gateways show one to hear of ended sessions. None: there is no `/internal/revocations`.
    pub feed_keys: Vec<Secret>,
}

impl ApiSettings {
    /// Longest life of an access token, in seconds: whoever knows no better goes by it.
    pub const MOST_ACCESS_TTL: i64 = 24 * 60 * 60;
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            access_ttl: 30 * 60,
            refresh_ttl: 7 * 24 * 60 * 60,
            throttle: true,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            docs: true,
            feed_keys: Vec::new(),
        }
    }
}

/// The keys that tokens are signed with: the first signs, all verify.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    first: Secret,
    older: Vec<Secret>,
}

impl SigningKeys {
    /// At least one key, by construction.
    pub fn new(first: Secret, older: Vec<Secret>) -> Self {
        Self { first, older }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.first).chain(&self.older)
    }
}
