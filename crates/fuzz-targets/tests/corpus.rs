//! The corpus, and mutations of it: a short run of what `cargo xtask fuzz` does for as long as one likes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, which says what it has run")]

use std::panic::catch_unwind;
use std::path::Path;

use vestibule_fuzz_targets::{Mutator, TARGETS};

/// Another one finds other things; this one finds the same on every machine.
const SEED: u64 = 4;

/// Replays the corpus of a target, and then so many mutations of it.
fn holds(name: &str, rounds: usize) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(name);
    println!("{name}: {} inputs, {rounds} mutations from seed {SEED}", corpus.len());
    let mut mutator = Mutator::new(SEED);
    let mutations = (0..rounds).map(|_| mutator.mutate(&corpus, target.words));
    for data in corpus.iter().cloned().chain(mutations) {
        let held = catch_unwind(|| (target.check)(&data));
        assert!(
            held.is_ok(),
            "this input of {name} breaks what has to hold, keep it in fuzz/corpus/{name}: b\"{}\"",
            data.escape_ascii()
        );
    }
}

/// In order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{name} has a corpus");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn ck_05_nothing_opens_but_what_was_sealed() {
    holds("cookie_open", 4_000);
}

#[test]
fn gw_16_what_a_client_says_of_its_address_decides_nothing() {
    holds("hops", 40_000);
}

#[test]
fn gw_05_a_path_has_one_reading_and_no_spelling_escapes_a_rule() {
    holds("path", 20_000);
}

#[test]
fn gw_11_a_login_leads_to_this_site_however_it_is_resolved() {
    holds("return_path", 20_000);
}

#[test]
fn gw_06_explain_says_what_the_settings_mean() {
    holds("route", 4_000);
}

#[test]
fn ck_10_no_browser_takes_a_cookie_in_our_name_from_an_upstream() {
    holds("set_cookie", 30_000);
}

#[test]
fn every_target_is_run_by_libfuzzer_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        assert!(folder.join(format!("fuzz_targets/{}.rs", target.name)).exists());
    }
}
