//! The FastAPI backend comes, goes and comes again as tests say.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use vestibule_testbed::fastapi::{Options, Server};

/// What it answers to `GET path`, head and body.
fn get(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(address(server)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn address(server: &Server) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

#[test]
fn servers_at_once_do_not_meet_and_come_again_where_they_were() {
    let (one, other) = (Server::start().unwrap(), Server::start().unwrap());
    assert_ne!(one.url(), other.url());
    assert!(get(&one, "/api/v1/users").contains(r#""total_count":0"#));
    one.stop();
    assert!(TcpStream::connect(address(&one)).is_err());
    one.start_again();
    assert!(get(&one, "/api/v1/users").contains(r#""total_count":0"#));
    one.set_time(0);
}

#[test]
fn a_server_whose_port_is_taken_says_why() {
    let server = Server::start_with(Options { time: Some(7), ..Options::default() }).unwrap();
    server.stop();
    let taken = std::net::TcpListener::bind(address(&server)).unwrap();
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.start_again()));
    let said = again.unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("Address already in use"), "{said}");
    drop(taken);
    server.start_again();
}

#[test]
fn an_owner_that_is_killed_leaves_no_server_behind() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_private-fastapi"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 22];
    owner.stdout.take().unwrap().read_exact(&mut said).unwrap();
    let address = String::from_utf8(said.to_vec()).unwrap();
    let address = address.trim().trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&address).is_ok(), "{address}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    let folder = std::env::temp_dir().join(format!("vestibule-fastapi-{}-0", owner.id()));
    until(|| TcpStream::connect(&address).is_err() && !folder.exists());
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
