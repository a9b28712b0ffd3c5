//! What is done to the cluster while people use it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::balancer::Feed;
use crate::cluster::{GATEWAYS, NODES};
use crate::dice::Dice;
use crate::process::Process;
use crate::record::{Fault, Promise};
use crate::{Failure, World};

/// How hard a run is.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Between two faults of one series, in milliseconds at least and at most.
    between: (usize, usize),
    /// How long a fault lasts that lasts, by this part of its usual time.
    percent: usize,
    /// How long nothing is done after every kind was.
    calm: Duration,
}

impl Pace {
    pub(crate) fn of(run: Duration) -> Self {
        match run.as_secs() {
            ..120 => Self { between: (300, 1_500), percent: 50, calm: Duration::from_secs(8) },
            _ => Self { between: (500, 8_000), percent: 100, calm: Duration::from_secs(15) },
        }
    }

    fn lasting(self, dice: &mut Dice, least: usize, most: usize) -> Duration {
        dice.millis(least * self.percent / 100, most * self.percent / 100)
    }
}

/// How long a process may take until it is ready again.
const READY: Duration = Duration::from_secs(60);

/// Goes through all kinds again and again until `until`: two series at once, so that faults meet.
pub(crate) async fn inject(world: Arc<World>, pace: Pace, until: Instant) {
    let mut dice = Dice::new(world.seed, 2);
    while Instant::now() < until {
        let mut deck = Fault::ALL;
        dice.shuffle(&mut deck);
        let (one, other) = deck.split_at(deck.len() / 2);
        let seeds = (dice.below(usize::MAX), dice.below(usize::MAX));
        let series = |faults: &[Fault], seed| {
            series(world.clone(), faults.to_vec(), pace, until, Dice::new(world.seed, seed as u64))
        };
        let _both = tokio::join!(series(one, seeds.0), series(other, seeds.1));
        if Instant::now() < until {
            sleep(pace.calm).await;
        }
    }
}

async fn series(world: Arc<World>, faults: Vec<Fault>, pace: Pace, until: Instant, mut dice: Dice) {
    for fault in faults {
        sleep(dice.millis(pace.between.0, pace.between.1)).await;
        if Instant::now() >= until {
            return;
        }
        let episode = world.record.begin(fault);
        let done = commit(&world, fault, pace, &mut dice).await;
        world.record.end(episode);
        if let Err(error) = done {
            world.record.breaks(Promise::StillRunning, error.to_string(), None);
        }
    }
}

async fn commit(
    world: &Arc<World>,
    fault: Fault,
    pace: Pace,
    dice: &mut Dice,
) -> Result<(), Failure> {
    let cluster = &world.cluster;
    let (node, gateway) = (dice.below(NODES), dice.below(GATEWAYS));
    match fault {
        Fault::ApiKilled => {
            if amid_refresh(world, node).await {
                world.record.count("API nodes killed amid a refresh");
            }
            restart(&cluster.nodes[node], "-KILL", dice).await?;
        }
        Fault::GatewayKilled => restart(&cluster.gateways[gateway], "-KILL", dice).await?,
        Fault::GatewayStopped => restart(&cluster.gateways[gateway], "-TERM", dice).await?,
        Fault::DatabaseRestarted => {
            let _alone = world.outage.lock().await;
            at_postgres(world, |world| world.cluster.postgres.restart_hard()).await?;
        }
        Fault::DatabaseAway => {
            let _alone = world.outage.lock().await;
            at_postgres(world, |world| world.cluster.postgres.stop()).await?;
            sleep(pace.lasting(dice, 2_000, 6_000)).await;
            at_postgres(world, |world| world.cluster.postgres.start_again()).await?;
        }
        Fault::WireCut => cluster.wires[node].cut(),
        Fault::WireFrozen => {
            cluster.wires[node].freeze(true);
            sleep(pace.lasting(dice, 3_000, 8_000)).await;
            cluster.wires[node].freeze(false);
        }
        Fault::FeedCut => {
            let feed = if dice.happens(50) { Feed::Cut } else { Feed::Silent };
            cluster.balancer.set_feed(gateway, feed);
            sleep(pace.lasting(dice, 5_000, 15_000)).await;
            cluster.balancer.set_feed(gateway, Feed::Open);
        }
        Fault::AnswersCut => {
            cluster.balancer.cuts_answers.store(true, Ordering::SeqCst);
            sleep(pace.lasting(dice, 4_000, 10_000)).await;
            cluster.balancer.cuts_answers.store(false, Ordering::SeqCst);
        }
        Fault::AnswersLate => {
            cluster.balancer.delays_answers.store(true, Ordering::SeqCst);
            sleep(pace.lasting(dice, 4_000, 10_000)).await;
            cluster.balancer.delays_answers.store(false, Ordering::SeqCst);
        }
        // That one comes by itself.
        Fault::Stalled => {}
    }
    Ok(())
}

/// Waits a while until the node is at work on a refresh; whether it is.
async fn amid_refresh(world: &World, node: usize) -> bool {
    for _ in 0..3_000 {
        if world.cluster.balancer.refreshing[node].load(Ordering::SeqCst) > 0 {
            return true;
        }
        sleep(Duration::from_millis(1)).await;
    }
    false
}

async fn restart(process: &Process, signal: &str, dice: &mut Dice) -> Result<(), Failure> {
    process.end(signal).await;
    sleep(dice.millis(200, 2_000)).await;
    process.release();
    process.ready(READY).await
}

/// Off the runtime's threads: it waits for a process.
async fn at_postgres(
    world: &Arc<World>,
    order: impl FnOnce(&World) + Send + 'static,
) -> Result<(), Failure> {
    let world = world.clone();
    tokio::task::spawn_blocking(move || order(&world)).await?;
    Ok(())
}
