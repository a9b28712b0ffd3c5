//! Texts that were sealed once, under fixed keys. They have to open for ever: cookies outlive gateways.

/// The time at which the sessions began, in Unix seconds.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) const HTTPS: &str = "https://app.example.com";
pub(crate) const HTTP: &str = "http://localhost:3000";

/// Of the secrets 32 times 1, which seals, and 32 times 2, which opens.
pub(crate) const KEY_IDS: [&str; 2] = ["oxYKO4MZ.", "FsQXJbky."];

/// Whatever was sealed for the session cookie at [`HTTPS`].
pub(crate) const FOR_HTTPS: [&str; 4] = [ADA, BOB, OVER, NOT_A_SESSION];

/// Sealed under the first key.
pub(crate) const ADA: &str = "v1.oxYKO4MZ.XdW6W1RIltSKrrpCDG-ty9imgxago7WKcbb-yKCr1q4uCW-D44b6h3LFT1ZD1_yN698zAWT_MF3uZWAnmuYuIsty-GFal-O4dvfvB4b92_NlqHVBumRkAp_m6jk05PXgF-2aOEG7oyUWWdanvOiwY7ZunvBwwXd8JAve4VHV0Tfh4aLblrGmr54mFYtsvLbnrfMFdpcDZOy8IEXiBT9oBHsGX__1H3NJxFQ8qsoqB-TZoBKGi22ufYUMXh00ucoexVlZNlh-B-7dEaDljolFubgAzoRkJPpzxmgP5xtnVsRN4WegFnzLzoXYRjGvvsgI6uYZbzDA8yl1hv3oycFe2JaDf0P8fOnNCfkqOZEl95nDZ-s";

/// Sealed under the second.
pub(crate) const BOB: &str = "v1.FsQXJbky.tuSE_4R6G-YEAbRfGjUlkUb07Kyu2edN9wfJmDZw0WUUqeq2IVrQWPxkHmonEYgyfcOFEjudHM1HDiXrfajTC66LLIuteO5ftHsF00htTx4cZrzyEj1ICgjSDyHxmz3dXWeQfD8kf3uhsQjdVWcEEH3uzGTAsEtLqjsk4KhDVZQwNphQJS2Ks0Vm65pFqhZosXmbtr_3DtUbyzc3B3lel8lSkct7liZzNmHI3aJpddSRH0BDVAFVKuQEYlSN33CSqewUSwlHU_xwU9poDHhpKvuF2wDtify0k7eMVV2hbQm8s1MvDhwcsvIA3xHLzteWT8blM2cN6FFHNnNfbX1yRR5gD3_4eb3mxH5eHUf9jGadW4A";

/// A session that is over at [`NOW`].
const OVER: &str = "v1.oxYKO4MZ.1Q2DbhnPfCpAP69mWG6P-toQFPdTN2kUhs8CjX5QC-aC2e-dXILUk1fybbL4TDI0yFJKq78vELtHBPI1BRsdeJnFfH0tXPIvUKhG47YWBWdKhOdvGXF5cyjbyoffn28jrO8s6BBWKbyKQNADJLdw_1bbKC1_54EqMM7_ZkKKnifctaZAZISXu8gBLy0kPhR5PL--hBakkhPRr0Sk_Mv5HWOXOdawynGqOp563XRIeYX3Zz4oa1dpdr5aqRqg7UtculVG7Yx6Bpci6OIDTUPLCA5nK0Er94cXuRLGbXBC2NYD2QURIfBrzvWL0IQRgyOTrEX6UbdUqFVedMGCe2Rfmchsd7pm1KHsoWzMhBCvvQW3D1TJNww";

/// `{}`.
const NOT_A_SESSION: &str = "v1.oxYKO4MZ.ibTJIV6QsADT4cgMBT8ABCjnqIUrP5mcvbJHbVfNQqszvg";

/// For [`HTTP`].
pub(crate) const LOCAL: &str = "v1.oxYKO4MZ.QAjb1eWudvH81OgCuZobTY-tUAVb9buf0DKVTSPEBsOwtFbnXwX5UT0RjLRQUEzcgFVJ89Z_4DKDIXKyqsZiBaTLlUpS2TLmgQ6_T9IKaz54hbqh0CxpxkpiZDgD2b0UgytGeujVeM2lHiNBUanzKynSjzpVL-sTN-AGxI2qo--zwBlBEqKgdrNZcYZyKYBW-b_vbdpv3JELp2_yvlVaIQpBRJJnDLhWUb_K56749fTOrMjkgVBTtv8h9Mek9vXOifjZWYOHE-oTyzxc0BBA38XPbIlQYcB3o-wtGSZyTwfbwV-tLgBTIminPkRaIQ2MBICG39KaMjl-4fFg0-WMfyMA4DwUpkXBDukjlM9dmWW_mN6R6iuJ3S0";
