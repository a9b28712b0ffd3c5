//! What has to hold of every input to the parsers that face the outside.
//!
//! A target is a function over bytes that panics when something does not hold. libFuzzer calls them from `fuzz/`;
//! `cargo test` calls them with the corpus there, and with mutations of it that are the same every time.

mod cookie_open;
mod hops;
mod mutation;
mod path;
mod reading;
mod return_path;
mod route;
mod sealed;
mod set_cookie;

pub use mutation::Mutator;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name, which is that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics if something does not hold.
    pub check: fn(&[u8]),
    /// Texts that mean something to the parser.
    pub words: &'static [&'static str],
}

/// All of them, by name.
pub const TARGETS: [Target; 6] = [
    Target { name: "cookie_open", check: cookie_open::check, words: &cookie_open::WORDS },
    Target { name: "hops", check: hops::check, words: &hops::WORDS },
    Target { name: "path", check: path::check, words: &path::WORDS },
    Target { name: "return_path", check: return_path::check, words: &return_path::WORDS },
    Target { name: "route", check: route::check, words: &route::WORDS },
    Target { name: "set_cookie", check: set_cookie::check, words: &set_cookie::WORDS },
];

/// Runs the target called `name`.
///
/// # Panics
/// If there is none, or if something does not hold.
pub fn check(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").check)(data);
}
