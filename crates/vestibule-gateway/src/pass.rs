use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue};
use vestibule_types::{Clock, Secret};

/// What shows an API that a request comes from one of its gateways, so that reaching its port is not being one
/// (GW-22).
///
/// Shape: `X-Vestibule-Pass: <until>.<mac>`; `until` is when it ends, in Unix seconds, a minute from now; `mac` is
/// HMAC-SHA256 under the feed key of `vestibule pass ` and `until`, in base64url without padding. It is no secret of
/// any visitor's, and no client's header of the name gets through (GW-01).
#[derive(Clone, Debug)]
pub struct Pass {
    key: hmac::Key,
    clock: Clock,
}

/// Life of a pass, in seconds.
const LIFE: i64 = 60;

impl Pass {
    /// The name of the header.
    pub const HEADER: HeaderName = HeaderName::from_static("x-vestibule-pass");

    /// Passes under `feed_key`, which gateway and API share.
    pub fn new(feed_key: &Secret, clock: Clock) -> Self {
        Self { key: hmac::Key::new(HMAC_SHA256, feed_key.reveal()), clock }
    }

    /// One that is good from now on.
    pub fn issue(&self) -> HeaderValue {
        let until = self.clock.now() + LIFE;
        let mac = hmac::sign(&self.key, format!("vestibule pass {until}").as_bytes());
        let mut value = HeaderValue::try_from(format!("{until}.{}", URL_SAFE_NO_PAD.encode(mac)))
            .expect("digits and base64url are legal in a header");
        value.set_sensitive(true);
        value
    }
}
