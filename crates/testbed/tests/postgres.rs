//! The private server keeps its promises: tests believe it blindly.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use vestibule_testbed::postgres::{Options, Server, shared};

#[test]
fn databases_are_apart_and_a_copy_has_what_its_template_has() {
    let server = shared();
    server.create_database("one");
    server.create_database("other");
    server.sql(
        "one",
        "CREATE TABLE rows (n INT, t TEXT); INSERT INTO rows VALUES (1, 'a'), (2, 'ö')",
    );
    assert_eq!(server.sql("one", "SELECT * FROM rows ORDER BY n"), "1|a\n2|ö");
    assert_eq!(server.sql("other", "SELECT to_regclass('rows') IS NULL"), "t");
    server.create_from("copy", "one");
    server.sql("copy", "DELETE FROM rows WHERE n = 1");
    assert_eq!(server.sql("copy", "SELECT count(*) FROM rows"), "1");
    assert_eq!(server.sql("one", "SELECT count(*) FROM rows"), "2");
}

#[test]
fn servers_at_once_do_not_meet() {
    let one = Server::start_with(Options { tcp: true, durable: false }).unwrap();
    let other = Server::start_with(Options { tcp: true, durable: false }).unwrap();
    assert_ne!((one.folder(), one.port()), (other.folder(), other.port()));
    one.create_database("mine");
    assert_eq!(
        other.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'mine'"),
        "0"
    );
    assert_eq!(one.tcp_url("mine"), format!("postgres://vestibule@127.0.0.1:{}/mine", one.port()));
}

#[test]
fn a_hard_restart_keeps_what_a_durable_server_acknowledged_and_an_outage_is_one() {
    let server = Server::start_with(Options { tcp: true, durable: true }).unwrap();
    let address = ("127.0.0.1", server.port());
    server.create_database("kept");
    server.sql("kept", "CREATE TABLE rows (n INT)");
    server.sql("kept", "INSERT INTO rows VALUES (7)");
    server.restart_hard();
    assert_eq!(server.sql("kept", "SELECT n FROM rows"), "7");
    server.stop();
    assert!(TcpStream::connect(address).is_err());
    server.start_again();
    assert!(TcpStream::connect(address).is_ok());
    assert_eq!(server.sql("kept", "SELECT n FROM rows"), "7");
}

#[test]
fn a_start_that_fails_says_why_and_can_be_tried_again() {
    let server = Server::start_with(Options { tcp: true, durable: false }).unwrap();
    server.stop();
    let taken = TcpListener::bind(("127.0.0.1", server.port())).unwrap();
    let said = catch_unwind(AssertUnwindSafe(|| server.start_again())).unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("already in use"), "{said}");
    drop(taken);
    server.start_again();
    assert_eq!(server.sql("postgres", "SELECT 1"), "1");
}

#[test]
fn a_server_that_is_dropped_leaves_neither_process_nor_folder() {
    let server = Server::start().unwrap();
    let (folder, process) = traces(server.folder());
    assert!(folder.exists() && process.exists());
    drop(server);
    assert!(!folder.exists() && !process.exists());
}

#[test]
fn a_server_that_is_dropped_while_it_is_stopped_leaves_no_folder() {
    let server = Server::start().unwrap();
    let folder = server.folder().to_owned();
    server.stop();
    drop(server);
    assert!(!folder.exists());
}

#[test]
fn an_owner_that_is_killed_leaves_no_server_behind() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_private-postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let (folder, process) = traces(Path::new(url.trim().split_once("host=").unwrap().1));
    assert!(folder.exists() && process.exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    until(|| !folder.exists() && !process.exists());
}

/// What there is of a server while it lives: its folder, and the folder of its process.
fn traces(folder: &Path) -> (PathBuf, PathBuf) {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let process = Path::new("/proc").join(text.lines().next().unwrap());
    (folder.to_owned(), process)
}

/// Asks until it is so; what has not come true after ten seconds never will.
fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not come true");
}
