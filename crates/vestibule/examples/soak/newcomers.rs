//! People who register, and have to find their account again.

use std::sync::Arc;

use http::{Request, header};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::World;
use crate::browser::Browser;
use crate::cluster::{GATEWAYS, NODES};
use crate::dice::Dice;
use crate::direct::Direct;
use crate::record::Promise;

const PASSWORD: &str = "Str1ngst!";

/// One after the other, at a gateway or at the API.
pub(crate) async fn arrive(world: Arc<World>, seed: u64, until: Instant) {
    let mut dice = Dice::new(world.seed, seed);
    while Instant::now() < until {
        let username = world.new_name("n");
        let is_acknowledged = if dice.happens(50) {
            Browser::new(&world).register(dice.below(GATEWAYS), &username, PASSWORD).await
        } else {
            register(&world, dice.below(NODES), &username).await
        };
        if is_acknowledged {
            world.account_made(&username, PASSWORD);
        }
        sleep(dice.millis(500, 4_000)).await;
    }
}

async fn register(world: &World, node: usize, username: &str) -> bool {
    let email = format!("{username}@example.com");
    let body = json!({"name": "Ada", "username": username, "email": email, "password": PASSWORD});
    let request = Request::post("/api/v1/user").header(header::CONTENT_TYPE, "application/json");
    let answer = Direct { world, node }.send(request, body.to_string()).await;
    answer.is_some_and(|answer| answer.status == 201)
}

/// Whether an account that was acknowledged can sign in.
pub(crate) async fn check(world: &World, username: &str, password: &str) {
    let mut tokens = None;
    // Many sign in at once now; a node may have to say that it is busy.
    for node in (0..NODES).cycle().take(4 * NODES) {
        tokens = Direct { world, node }.log_in(username, password).await;
        if tokens.is_some() {
            break;
        }
    }
    world.record.check(Promise::AccountKept, tokens.is_some(), || {
        format!("{username} can't sign in any more")
    });
}
