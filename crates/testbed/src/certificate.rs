//! A certificate for `localhost`, made anew by each process that needs one.

use std::sync::OnceLock;

/// A certificate that vouches for itself, and its key.
#[derive(Debug)]
pub struct Certificate {
    /// What servers show, in PEM.
    pub pem: String,
    /// Its key, in PEM.
    pub key: String,
    /// What clients trust, in DER.
    pub der: Vec<u8>,
}

impl Certificate {
    /// The one of this process.
    ///
    /// # Panics
    /// If there is no randomness.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Certificate> = OnceLock::new();
        SHARED.get_or_init(|| {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
            let made = made.expect("a certificate for localhost can be made");
            Self {
                pem: made.cert.pem(),
                key: made.signing_key.serialize_pem(),
                der: made.cert.der().to_vec(),
            }
        })
    }
}
