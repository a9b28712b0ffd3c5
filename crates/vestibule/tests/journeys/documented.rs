//! What docs/gateway.md and the README say of routes and upstreams, held against the program.

use std::collections::BTreeSet;
use std::fs;

use vestibule::config_file::ConfigFile;

use crate::process::vestibule;
use crate::support::Folder;

const GATEWAY: &str = include_str!("../../../../docs/gateway.md");
const README: &str = include_str!("../../../../README.md");

/// The blocks of code in this language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    document.split(opening.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn section<'a>(document: &'a str, title: &str) -> &'a str {
    let rest = document.split(&format!("\n## {title}\n")).nth(1).unwrap();
    rest.split("\n## ").next().unwrap()
}

fn check(arguments: &[&str]) -> String {
    let output = vestibule(&[&["check"], arguments].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_file_in_the_document_is_right() {
    let folder = Folder::new();
    let file = folder.path().join("vestibule.toml");
    let sections = [section(GATEWAY, "Routes"), section(GATEWAY, "Upstreams")];
    let files: Vec<&str> = sections.iter().flat_map(|section| blocks(section, "toml")).collect();
    assert_eq!(files.len(), 2);
    for text in files {
        fs::write(&file, text).unwrap();
        ConfigFile::read(&file).unwrap();
    }
}

#[test]
fn what_check_says_in_the_document_it_says() {
    let folder = Folder::new();
    let file = folder.path().join("vestibule.toml");
    let routes = section(GATEWAY, "Routes");
    fs::write(&file, blocks(routes, "toml")[0]).unwrap();
    let told = blocks(routes, "console")[0].split_once('\n').unwrap();
    let words: Vec<&str> = told.0.split_whitespace().collect();
    let [method, path] = words[words.len() - 2..] else { panic!("{words:?}") };
    assert_eq!(check(&["--config", file.to_str().unwrap(), method, path]), told.1);
}

#[test]
fn the_commands_in_the_documents_are_right() {
    let in_front = section(README, "In front of what you have");
    let commands =
        blocks(section(GATEWAY, "Routes"), "sh").into_iter().chain(blocks(in_front, "console"));
    let mut checked = 0;
    for line in commands.flat_map(|block| {
        let block = block.replace("\\\n", " ");
        block.lines().map(str::to_owned).collect::<Vec<_>>()
    }) {
        let Some((_, arguments)) = line.split_once("gateway --api") else { continue };
        let arguments = format!("--api{arguments}");
        // As a shell takes them: what is between apostrophes is one.
        let words = arguments.split('\'').enumerate().flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        let words: Vec<String> = words.collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert!(check(&words).contains("The settings are right"), "{line}");
        checked += 1;
    }
    assert!(checked >= 3, "{checked}");
}

/// The keys that a table of the file may have, as the program names them when it meets another.
fn keys_of(table: &str) -> BTreeSet<String> {
    let folder = Folder::new();
    let file = folder.path().join("vestibule.toml");
    fs::write(&file, format!("{table}\nno-such-key = 1\n")).unwrap();
    let error = ConfigFile::read(&file).unwrap_err().to_string();
    let expected = error.split("expected one of ").nth(1).unwrap_or_else(|| panic!("{error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn df_02_every_key_of_the_file_is_in_the_tables() {
    for (title, table) in [("Routes", "[[routes]]"), ("Upstreams", "[upstreams.x]")] {
        let rows = section(GATEWAY, title).lines().filter(|line| line.starts_with("| `"));
        let names = rows.flat_map(|row| {
            let cell = row.split('|').nth(1).unwrap().to_owned();
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
        });
        let named: BTreeSet<String> = names.filter(|name| !name.contains(':')).collect();
        assert_eq!(named, keys_of(table), "{title}");
    }
}
