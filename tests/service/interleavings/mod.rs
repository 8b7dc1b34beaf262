//! The orders in which the calls of a few requests can reach AWS, with what can go wrong on the way.
//!
//! A handler waits for nothing but AWS calls and timers, so an interleaving *is* an order of calls. Both real handlers and the
//! real SDK run in one thread, on a paused clock. Each call parks in the [`lot`]; the [`play`] picks the next one and what
//! becomes of it.
//!
//! * [`choices`]: which of the possible next steps is taken. They are counted through, or drawn from a seed.
//! * [`cast`]: who asks for a code or uses one, and under which circumstances.
//! * [`stage`]: the service in which the worlds are played.
//! * [`lot`]: where calls wait for their turn, and what is noted of them.
//! * [`play`]: one world, from its first step to its last.
//! * [`model`]: what each write should do.
//! * [`promises`]: what must hold after each world.
//! * [`seeded`]: faults of the code that these tests must find.
//!
//! A world that breaks a promise tells its story, a line a step, and ends with `WORLD="…"`. With that variable set, `make
//! interleavings` replays it alone.

mod cast;
mod choices;
mod lot;
mod model;
mod play;
mod promises;
mod seeded;
mod stage;

use std::time::Instant;

use self::cast::{Role, Scene};
use self::choices::Choices;
use self::play::Play;
use self::stage::Stage;

/// Plays every world of a scene. Returns how many there are, or the story of one that breaks a promise.
async fn play_all(scene: &Scene, stage: &mut Stage) -> Result<usize, String> {
    let (mut choices, mut worlds) = (Choices::first(), 0);
    loop {
        worlds += usize::from(Box::pin(Play::run(scene, stage, &mut choices)).await?);
        if !choices.advance() {
            return Ok(worlds);
        }
    }
}

/// Every pair of kinds, with and without a code that was mailed before.
fn pairs() -> impl Iterator<Item = Scene> {
    let asks_first = Role::ALL.map(|role| Scene::of(&[Role::Ask, role]));
    let after_mail = Role::ALL.into_iter().enumerate().flat_map(|(number, first)| {
        let others = Role::ALL.into_iter().skip(number);
        others.map(move |second| Scene::of(&[first, second]).begun())
    });
    asks_first.into_iter().chain(after_mail)
}

#[tokio::test(start_paused = true)]
async fn every_order_of_two_requests_keeps_the_promises() {
    play_each(pairs().map(|scene| Scene { waits: 1, ..scene })).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: make interleavings"]
async fn every_order_of_two_requests_with_one_fault_keeps_the_promises() {
    play_each(pairs().map(|scene| Scene { faults: 1, ..scene })).await;
}

/// Plays every world of these scenes, and counts them.
async fn play_each(scenes: impl Iterator<Item = Scene>) {
    let mut stage = Stage::default();
    let (mut all, started) = (0, Instant::now());
    for scene in scenes {
        let played = play_all(&scene, &mut stage).await;
        let worlds = played.unwrap_or_else(|story| panic!("{story}"));
        assert!(worlds > 1, "{scene}");
        println!("{scene}: {worlds} worlds");
        all += worlds;
    }
    println!("{all} worlds in {:.0} s", started.elapsed().as_secs_f64());
}

/// `make interleavings` plays more of them, and others by `SEED=7`.
#[tokio::test(start_paused = true)]
async fn drawn_worlds_of_up_to_six_requests_and_three_faults_keep_the_promises() {
    let mut stage = Stage::default();
    if let Ok(world) = std::env::var("WORLD") {
        let (scene, mut choices) = choices::read(&world);
        let played = Box::pin(Play::run(&scene, &mut stage, &mut choices)).await;
        played.unwrap_or_else(|story| panic!("{story}"));
        return;
    }
    play_drawn(&mut stage, number("SEED", 1), number("WORLDS", 500)).await;
}

async fn play_drawn(stage: &mut Stage, seed: u64, worlds: u64) {
    for world in 0..worlds {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(world);
        let (scene, mut choices) = (Scene::draw(&mut Choices::drawn(!seed)), Choices::drawn(seed));
        let played = Box::pin(Play::run(&scene, stage, &mut choices)).await;
        played.unwrap_or_else(|story| panic!("world {world}: {story}"));
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.and_then(|value| value.parse().ok()).unwrap_or(default)
}
