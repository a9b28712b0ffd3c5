//! What a header's name means, however it is spelled: what belongs to a connection, what only we may say, and what servers say
//! of themselves.
//!
//! Servers disagree on what `-`, `_` and `.` are worth, so none counts: names are folded before they are looked up.

use std::ops::Deref;

use http::HeaderName;

// Names that every request is asked for: read once, and not for each.
pub(crate) static NEXT_ACTION: HeaderName = HeaderName::from_static("next-action");
pub(crate) static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
pub(crate) static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whether it is said to the next hop alone (RFC 9110, 7.6.1).
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    OF_HOPS.may_have(name) && HOP_BY_HOP.contains(&&*folded(name))
}

/// Whether an upstream might believe what a client says under this name. A name with anything but letters, digits and `-` is
/// never worth the risk (GW-01).
pub(crate) fn is_ours_to_say(name: &HeaderName) -> bool {
    if !name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return true;
    }
    if !OURS.may_have(name) {
        return false;
    }
    let folded = folded(name);
    is_in(&folded, &ROUTING, &ROUTING_BEGINNINGS)
        || is_in(&folded, &FRAMEWORK, &FRAMEWORK_BEGINNINGS) && !DEVELOPMENT.contains(&&*folded)
        || is_in(&folded, &IDENTITY, &IDENTITY_BEGINNINGS)
}

/// Whether an answer tells by it who is signed in, or what its server is and does.
pub(crate) fn is_of_the_server(name: &HeaderName) -> bool {
    if !SERVERS.may_have(name) {
        return false;
    }
    let folded = folded(name);
    is_in(&folded, &IDENTITY, &IDENTITY_BEGINNINGS) || is_in(&folded, &SERVER, &SERVER_BEGINNINGS)
}

/// Letters and digits only; a [`HeaderName`] is in lower case already. Of a long name the first [`LONGEST`].
struct Folded {
    bytes: [u8; LONGEST],
    length: usize,
}

/// Longer than any name that matters here, in bytes.
const LONGEST: usize = 64;

fn folded(name: &HeaderName) -> Folded {
    let mut folded = Folded { bytes: [0; LONGEST], length: 0 };
    let letters = name.as_str().bytes().filter(u8::is_ascii_alphanumeric);
    for (place, letter) in folded.bytes.iter_mut().zip(letters) {
        *place = letter;
        folded.length += 1;
    }
    folded
}

impl Deref for Folded {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("letters and digits are ASCII")
    }
}

fn is_in(folded: &str, names: &[&str], beginnings: &[&str]) -> bool {
    names.contains(&folded) || beginnings.iter().any(|beginning| folded.starts_with(beginning))
}

/// How some names begin. Most headers are passed over by their first two letters, unfolded.
struct Beginnings {
    /// Of each first letter, a bit for each second one.
    seconds: [u32; 26],
}

static OF_HOPS: Beginnings = Beginnings::of(&[&HOP_BY_HOP]);
static OURS: Beginnings = Beginnings::of(&[
    &ROUTING,
    &ROUTING_BEGINNINGS,
    &FRAMEWORK,
    &FRAMEWORK_BEGINNINGS,
    &IDENTITY,
    &IDENTITY_BEGINNINGS,
]);
static SERVERS: Beginnings =
    Beginnings::of(&[&IDENTITY, &IDENTITY_BEGINNINGS, &SERVER, &SERVER_BEGINNINGS]);

impl Beginnings {
    const fn of(lists: &[&[&str]]) -> Self {
        let mut seconds = [0; 26];
        let mut list = 0;
        while list < lists.len() {
            let mut name = 0;
            while name < lists[list].len() {
                let name_bytes = lists[list][name].as_bytes();
                seconds[(name_bytes[0] - b'a') as usize] |= 1 << (name_bytes[1] - b'a');
                name += 1;
            }
            list += 1;
        }
        Self { seconds }
    }

    /// Whether `name` begins like any of them, as far as that can be seen unfolded.
    fn may_have(&self, name: &HeaderName) -> bool {
        match name.as_str().as_bytes() {
            [first @ b'a'..=b'z', second @ b'a'..=b'z', ..] => {
                self.seconds[usize::from(first - b'a')] >> (second - b'a') & 1 == 1
            }
            _ => true,
        }
    }
}

// From here on names are folded: `xrealip` is `X-Real-IP` however it is spelled.

/// RFC 9110, 7.6.1, and what older clients send.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "http2settings",
    "keepalive",
    "proxyauthenticate",
    "proxyauthorization",
    "proxyconnection",
    "te",
    "trailer",
    "transferencoding",
    "upgrade",
];

/// Who called, for what, and how. `Proxy` is here because CGI makes `HTTP_PROXY` of it.
const ROUTING: [&str; 15] = [
    "clientip",
    "cfipcountry",
    "cfvisitor",
    "fastlyclientip",
    "flyclientip",
    "forwarded",
    "frontendhttps",
    "proxy",
    "trueclientip",
    "xhost",
    "xproxyuserip",
    "xrequestid",
    "xscheme",
    "xscriptname",
    "xurlscheme",
];
const ROUTING_BEGINNINGS: [&str; 18] = [
    "cfconnectingip",
    "xaccel",
    "xarrclientcert",
    "xarrssl",
    "xazure",
    "xclusterclient",
    "xenvoy",
    "xforward",
    "xhttpmethod",
    "xmethodoverride",
    "xmsforwarded",
    "xnfclient",
    "xoriginal",
    "xoriginating",
    "xreal",
    "xrewrite",
    "xsendfile",
    "xvercel",
];

/// What Next.js says to itself (CVE-2025-29927).
const FRAMEWORK: [&str; 3] = ["nextresume", "xmatchedpath", "xnowroutematches"];
const FRAMEWORK_BEGINNINGS: [&str; 4] = ["xinvoke", "xmiddleware", "xnextjs", "xprerender"];

/// Of these, names by which a page in development finds what belongs to its own requests; without them no link and no hot
/// update works there.
const DEVELOPMENT: [&str; 2] = ["xnextjshtmlrequestid", "xnextjsrequestid"];

/// Who is signed in: our own words, and those of the proxies that applications are written to believe.
const IDENTITY: [&str; 15] = [
    "authorization",
    "xaccesstoken",
    "xaccount",
    "xemail",
    "xgroups",
    "xidtoken",
    "xidentity",
    "xisadmin",
    "xpreferredusername",
    "xrole",
    "xroles",
    "xscopes",
    "xsubject",
    "xtokensubject",
    "xusername",
];
const IDENTITY_BEGINNINGS: [&str; 27] = [
    "cfaccess",
    "oidc",
    "remote",
    "shib",
    "sslclient",
    "tailscale",
    "xamznoidc",
    "xanonymousconsumer",
    "xappengine",
    "xauth",
    "xclient",
    "xconsumer",
    "xcredential",
    "xgoogauthenticated",
    "xgoogiap",
    "xjwt",
    "xmsclientprincipal",
    "xmstoken",
    "xoidc",
    "xpomerium",
    "xremote",
    "xsaml",
    "xshib",
    "xssl",
    "xuser",
    "xvestibule",
    "xwebauth",
];

/// What helps nobody but an attacker (ASVS 13.4.6), and what a proxy in front of us would obey.
const SERVER: [&str; 5] = ["server", "xaccelredirect", "xpoweredby", "xruntime", "xsendfile"];
const SERVER_BEGINNINGS: [&str; 2] = ["xaspnet", "xdebug"];
