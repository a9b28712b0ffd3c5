//! `get-session` of the Better Auth protocol: the gateway beside Better Auth on Node without a database, which keeps sessions in a
//! cookie too.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::Failure;
use crate::compare::{Effort, Side, compare};
use crate::process::Server;
use crate::stage::{Stage, cookies, get, post, register};
use crate::table::{Goal, Row};

const GET_SESSION: &str = "/api/auth/get-session";

/// Most of its CPU time that ours may take.
const GOAL: f64 = 1.0 / 40.0;

pub(crate) fn sessions(
    stage: &Stage,
    effort: Effort,
    told: &mut impl FnMut(Vec<Row>),
) -> Result<(), Failure> {
    // Both in one, since the gateway asks the API each time: a session that was ended elsewhere is none.
    let (vestibule, site, api) = stage.both()?;
    register(api)?;
    let target = get(site, GET_SESSION, &format!("Cookie: {}\r\n", cookies(site)?));
    let ours = Side { server: &vestibule, target };

    let (node, address) = better_auth(stage)?;
    let target = get(address, GET_SESSION, &format!("Cookie: {}\r\n", member(address)?));
    let theirs = Side { server: &node, target };
    for side in [&ours, &theirs] {
        let answer = side.target.answer()?;
        if !answer.body.contains("ada@example.com") {
            return Err(format!("{} knows nobody: {}", side.server.name, answer.body).into());
        }
    }
    let slow = Effort { rate: effort.rate / 5.0, ..effort };
    told(compare("get-session", &ours, &theirs, slow, Goal::AtMost(GOAL))?);
    Ok(())
}

/// tests/better-auth/stateless.mjs.
fn better_auth(stage: &Stage) -> Result<(Server, SocketAddr), Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/better-auth");
    let mut command = Command::new("node");
    command.arg("stateless.mjs").current_dir(folder).env("NODE_ENV", "production");
    command.stderr(stage.log("better-auth")?);
    Server::announced("Better Auth on Node, stateless", command)
}

/// The cookies of somebody who has signed up there.
fn member(address: SocketAddr) -> Result<String, Failure> {
    let person =
        json!({"name": "Ada Lovelace", "email": "ada@example.com", "password": "Str1ngst!"});
    let more = format!("Origin: http://localhost:{}\r\n", address.port());
    let sign_up = "/api/auth/sign-up/email";
    let answer = post(address, sign_up, "application/json", &more, &person.to_string()).answer()?;
    let pairs = answer.values("set-cookie").filter_map(|line| line.split(';').next());
    let pairs: Vec<&str> = pairs.collect();
    match answer.status {
        200 => Ok(pairs.join("; ")),
        _ => Err(format!("Better Auth signs nobody up: {} {}", answer.head, answer.body).into()),
    }
}
