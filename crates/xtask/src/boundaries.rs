//! A crate is a claim: what it does not depend on, it can't do. This holds the claims of ARCHITECTURE.md
//! against `cargo metadata`.

use serde_json::Value;

use crate::command::Failure;

/// Which of our crates may depend on which; a crate that is not here may depend on none.
const INSIDE: [(&str, &[&str]); 9] = [
    ("vestibule", &["vestibule-ui", "vestibule-gateway", "vestibule-api", "vestibule-types"]),
    ("vestibule-ui", &["vestibule-gateway", "vestibule-types"]),
    ("vestibule-gateway", &["vestibule-types"]),
    ("vestibule-api", &["vestibule-types"]),
    ("vestibule-types", &[]),
    // For tests alone; xtask asks it what has to be installed.
    ("vestibule-testbed", &[]),
    ("vestibule-fuzz-targets", &["vestibule-gateway", "vestibule-types"]),
    // Measures all of them, and uses what they use to say what it would cost alone.
    (
        "vestibule-bench",
        &[
            "vestibule",
            "vestibule-api",
            "vestibule-gateway",
            "vestibule-testbed",
            "vestibule-types",
        ],
    ),
    ("xtask", &["vestibule-testbed"]),
];

/// What only some of our crates may use, and so what only they can do.
const RESERVED: [(&str, &[&str]); 9] = [
    // The binary only names its error type.
    ("sqlx", &["vestibule-api", "vestibule", "vestibule-bench"]),
    ("argon2", &["vestibule-api", "vestibule-bench"]),
    ("bcrypt", &["vestibule-api"]),
    ("askama", &["vestibule-ui"]),
    ("rustls-native-certs", &["vestibule-gateway"]),
    ("tracing-subscriber", &["vestibule"]),
    (
        "tokio",
        &["vestibule-api", "vestibule-gateway", "vestibule-ui", "vestibule", "vestibule-bench"],
    ),
    (
        "axum",
        &["vestibule-api", "vestibule-gateway", "vestibule-ui", "vestibule", "vestibule-bench"],
    ),
    (
        "http",
        &[
            "vestibule-api",
            "vestibule-gateway",
            "vestibule-ui",
            "vestibule",
            "vestibule-fuzz-targets",
            "vestibule-bench",
        ],
    ),
];

/// `clap` reads the settings, which nothing but the binary does; and the command line of this tool.
const CLAP: (&str, &[&str]) = ("clap", &["vestibule", "xtask", "vestibule-bench"]);

/// Every breach of the two tables by the workspace's direct dependencies. What tests alone use is no claim.
///
/// # Errors
/// A [`Failure`] that lists them.
pub(crate) fn check(metadata: &Value) -> Result<(), Failure> {
    let edges = edges(metadata).ok_or(Failure("cargo metadata has another shape".to_owned()))?;
    let ours: Vec<&str> = INSIDE.iter().map(|(name, _)| *name).collect();
    let breaches: Vec<String> = edges
        .iter()
        .filter(|(from, to)| !is_allowed(&ours, from, to))
        .map(|(from, to)| format!("\n  {from} may not depend on {to}"))
        .collect();
    match breaches.is_empty() {
        true => Ok(()),
        false => Err(Failure(format!("the house's lines are crossed:{}", breaches.concat()))),
    }
}

fn is_allowed(ours: &[&str], from: &str, to: &str) -> bool {
    if !ours.contains(&from) {
        return false;
    }
    if ours.contains(&to) {
        return INSIDE.iter().any(|(name, may)| *name == from && may.contains(&to));
    }
    let reserved = RESERVED.iter().chain([&CLAP]).find(|(name, _)| *name == to);
    reserved.is_none_or(|(_, may)| may.contains(&from))
}

/// Crate and direct dependency of every crate of the workspace, without those of tests.
fn edges(metadata: &Value) -> Option<Vec<(&str, &str)>> {
    let members = metadata["workspace_members"].as_array()?;
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array()? {
        if !members.contains(&package["id"]) {
            continue;
        }
        let from = package["name"].as_str()?;
        for dependency in package["dependencies"].as_array()? {
            if dependency["kind"] != "dev" {
                edges.push((from, dependency["name"].as_str()?));
            }
        }
    }
    Some(edges)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;

    /// A workspace of one crate with one dependency.
    fn workspace(from: &str, to: &str, kind: Value) -> Value {
        json!({
            "workspace_members": [from],
            "packages": [
                {"id": from, "name": from, "dependencies": [{"name": to, "kind": kind}]},
                {"id": "elsewhere", "name": "elsewhere", "dependencies": [{"name": "sqlx", "kind": null}]},
            ],
        })
    }

    #[test]
    fn each_line_of_the_house_holds() {
        for (from, to, allowed) in [
            ("vestibule", "vestibule-api", true),
            ("vestibule", "vestibule-types", true),
            ("vestibule-ui", "vestibule-gateway", true),
            ("vestibule-ui", "vestibule-api", false),
            ("vestibule-gateway", "vestibule-api", false),
            ("vestibule-gateway", "vestibule-ui", false),
            ("vestibule-api", "vestibule-gateway", false),
            ("vestibule-types", "vestibule-api", false),
            ("xtask", "vestibule", false),
            ("xtask", "vestibule-testbed", true),
            ("vestibule-api", "vestibule-testbed", false),
            ("vestibule", "vestibule-testbed", false),
            ("vestibule", "vestibule-fuzz-targets", false),
            ("vestibule-fuzz-targets", "vestibule-gateway", true),
            ("vestibule-fuzz-targets", "vestibule-api", false),
            ("vestibule-api", "sqlx", true),
            ("vestibule", "sqlx", true),
            ("vestibule-gateway", "sqlx", false),
            ("vestibule-gateway", "argon2", false),
            ("vestibule", "bcrypt", false),
            ("vestibule-ui", "askama", true),
            ("vestibule", "askama", false),
            ("vestibule-gateway", "rustls-native-certs", true),
            ("vestibule-api", "rustls-native-certs", false),
            ("vestibule", "clap", true),
            ("vestibule-api", "clap", false),
            ("vestibule-gateway", "tracing-subscriber", false),
            ("vestibule-types", "tokio", false),
            ("vestibule-types", "axum", false),
            ("vestibule-types", "http", false),
            ("vestibule-types", "serde", true),
            ("a-new-crate", "serde", false),
        ] {
            let checked = check(&workspace(from, to, Value::Null));
            assert_eq!(checked.is_ok(), allowed, "{from} on {to}: {checked:?}");
        }
    }

    #[test]
    fn a_dependency_of_the_build_counts_and_one_of_tests_does_not() {
        assert!(check(&workspace("vestibule-ui", "sqlx", json!("build"))).is_err());
        assert!(check(&workspace("vestibule-ui", "sqlx", json!("dev"))).is_ok());
    }

    #[test]
    fn a_refusal_names_both_crates() {
        let refused = check(&workspace("vestibule-ui", "sqlx", Value::Null)).unwrap_err();
        assert!(refused.0.contains("vestibule-ui may not depend on sqlx"), "{refused:?}");
    }

    #[test]
    fn what_is_not_metadata_is_no_pass() {
        assert!(check(&json!({})).is_err());
    }
}
