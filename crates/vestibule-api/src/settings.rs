use vestibule_types::{Secret, TrustedHops};

/// How the identity API behaves.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Life of an access token, in seconds.
    pub access_ttl: i64,
    /// Life of a session and its refresh tokens, in seconds.
    pub refresh_ttl: i64,
    /// Life of a session whose owner is not to be remembered, in seconds; at most `refresh_ttl`.
    pub short_ttl: i64,
    /// Most seconds from its login that a session lives, which each step of its refresh tokens then prolongs
    /// by a life; at least `refresh_ttl`. None: no step prolongs a session.
    pub session_cap: Option<i64>,
    /// Seconds without a refresh after which a session is over; at least `access_ttl`. None: it never is (RF-18).
    pub idle_limit: Option<i64>,
    /// How long after its login a session may change who its owner is and where he is signed in, in seconds
    /// (LG-05). None: as long as it lives.
    pub fresh_login: Option<i64>,
    /// Whether login attempts, new refresh tokens of one session, and usernames asked about are limited.
    pub throttle: bool,
    /// Web origins that may call with credentials (CORS). None: no CORS headers at all.
    pub cors_origins: Vec<String>,
    /// Peers whose `X-Forwarded-For` and `Forwarded` are believed. None: the socket's address counts (GW-16).
    pub trusted_proxies: TrustedHops,
    /// Whether `/openapi.json` is served.
    pub docs: bool,
    /// Keys of which gateways show one to hear of ended sessions. None: there is no `/internal/revocations`.
    pub feed_keys: Vec<Secret>,
    /// Whether only gateways that hold a feed key may call (GW-22).
    pub gateways_only: bool,
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
            short_ttl: 12 * 60 * 60,
            session_cap: None,
            idle_limit: None,
            fresh_login: None,
            throttle: true,
            cors_origins: Vec::new(),
            trusted_proxies: TrustedHops::default(),
            docs: true,
            feed_keys: Vec::new(),
            gateways_only: false,
        }
    }
}
