//! A private PostgreSQL server to try things with: prints the address of an empty database, and ends with
//! standard input, or when it is killed.

use std::io::{Read as _, Write as _};

use vestibule_testbed::postgres::Server;

fn main() -> Result<(), String> {
    let server = Server::start()?;
    server.create_database("vestibule");
    let mut out = std::io::stdout();
    let said = writeln!(out, "{}", server.url("vestibule")).and_then(|()| out.flush());
    said.and_then(|()| std::io::stdin().read_to_end(&mut Vec::new()))
        .map_err(|error| error.to_string())?;
    Ok(())
}
