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
//! * [`actor`]: one of the cast, and what became of their request.
//! * [`aim`]: what a call is for; [`outcome`]: what can become of it.
//! * [`play`]: one world, from its first step to its last.
//! * [`model`]: what each write should do.
//! * [`promises`]: what must hold after each world.
//! * [`seeded`]: faults of the code that these tests must find.
//!
//! A world that breaks a promise is shrunk. Then it tells its story, a line a step, and ends with `WORLD="…"`. With that
//! variable set, `make interleavings` replays it alone. With `STORIES=1` every world tells its story.

mod actor;
mod aim;
mod cast;
mod choices;
mod lot;
mod model;
mod outcome;
mod play;
mod promises;
mod seeded;
mod stage;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use self::cast::{Circumstance, Role, Scene};
use self::choices::Choices;
use self::play::Play;
use self::stage::Stage;

/// Every order of two requests, where time may pass once.
#[test]
fn every_order_of_two_requests_keeps_the_promises() {
    play_each(&pairs().map(|scene| Scene { waits: 1, ..scene }).collect::<Vec<_>>());
}

/// The same by right clocks, where less time may pass as well, and twice.
#[test]
#[ignore = "takes minutes: make interleavings"]
fn every_order_of_two_requests_near_the_end_of_a_code_keeps_the_promises() {
    let scenes = pairs().map(|scene| Scene { waits: 2, ..scene });
    let scenes = scenes.map(|scene| scene.with(Circumstance::Closely).with(Circumstance::Punctual));
    play_each(&scenes.collect::<Vec<_>>());
}

/// The same, with one fault anywhere.
#[test]
#[ignore = "takes minutes: make interleavings"]
fn every_order_of_two_requests_with_one_fault_keeps_the_promises() {
    play_each(
        &pairs()
            .map(|scene| Scene {
                waits: 1,
                faults: 1,
                ..scene
            })
            .collect::<Vec<_>>(),
    );
}

/// Every order of three requests by right clocks, where time may pass once.
#[test]
#[ignore = "takes minutes: make interleavings"]
fn every_order_of_three_requests_keeps_the_promises() {
    play_each(&threes().map(|scene| Scene { waits: 1, ..scene }).collect::<Vec<_>>());
}

/// Worlds of up to six requests and three faults. `make interleavings` plays more of them, and others by `SEED=7`.
#[test]
fn drawn_worlds_keep_the_promises() {
    if let Ok(world) = std::env::var("WORLD") {
        return on_every_core(1, async |stage, _| {
            let (scene, mut choices) = choices::read(&world);
            let played = Box::pin(Play::run(&scene, stage, &mut choices)).await;
            played.unwrap_or_else(|story| panic!("{story}"));
        });
    }
    let seed = number("SEED", 1);
    on_every_core(number("WORLDS", 20_000), async |stage, world| {
        if let Err(story) = play_drawn(stage, seed, world).await {
            let (scene, _) = drawn(seed, world);
            panic!("world {world}: {}", shrink(stage, scene, story).await);
        }
    });
}

/// Every pair of kinds after a code was mailed, and each kind beside the first request.
fn pairs() -> impl Iterator<Item = Scene> {
    let asks_first = Role::ALL.map(|role| Scene::of(&[Role::Ask, role]));
    let after_mail = kinds(0).flat_map(|(number, first)| {
        let others = kinds(number);
        others.map(move |(_, second)| Scene::of(&[Role::Ask, first, second]).with(Circumstance::Begun))
    });
    asks_first.into_iter().chain(after_mail)
}

/// Three kinds, after a code was mailed. All clocks are right.
fn threes() -> impl Iterator<Item = Scene> {
    kinds(0).flat_map(|(number, first)| {
        kinds(number).flat_map(move |(number, second)| {
            kinds(number).map(move |(_, third)| {
                let scene = Scene::of(&[Role::Ask, first, second, third]);
                scene.with(Circumstance::Begun).with(Circumstance::Punctual)
            })
        })
    })
}

fn kinds(from: usize) -> impl Iterator<Item = (usize, Role)> {
    Role::ALL.into_iter().enumerate().skip(from)
}

/// Plays every world of these scenes, and counts them.
fn play_each(scenes: &[Scene]) {
    let (all, started) = (AtomicUsize::new(0), Instant::now());
    on_every_core(scenes.len(), async |stage, number| {
        let scene = &scenes[number];
        let played = play_all(scene, stage).await;
        let worlds = played.unwrap_or_else(|story| panic!("{story}"));
        print(&format!("{scene}: {worlds} worlds"));
        all.fetch_add(worlds, Ordering::SeqCst);
    });
    let (all, time) = (all.into_inner(), started.elapsed().as_secs_f64());
    print(&format!("{all} worlds in {time:.0} s"));
    assert!(all > scenes.len());
}

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

/// Plays one of the worlds that are drawn from a seed. If it breaks a promise, returns its story.
async fn play_drawn(stage: &mut Stage, seed: u64, world: usize) -> Result<(), String> {
    let (scene, mut choices) = drawn(seed, world);
    Box::pin(Play::run(&scene, stage, &mut choices)).await.map(drop)
}

fn drawn(seed: u64, world: usize) -> (Scene, Choices) {
    let seed = seed.wrapping_mul(1_000_003).wrapping_add(world as u64);
    (Scene::draw(&mut Choices::drawn(!seed)), Choices::drawn(seed))
}

/// Looks for a smaller scene that breaks a promise as well. Returns the story of the smallest one.
async fn shrink(stage: &mut Stage, mut scene: Scene, mut story: String) -> String {
    'smaller: loop {
        for smaller in scene.smaller() {
            for seed in 0..300 {
                let played = Box::pin(Play::run(&smaller, stage, &mut Choices::drawn(seed))).await;
                if let Err(its_story) = played {
                    (scene, story) = (smaller, its_story);
                    continue 'smaller;
                }
            }
        }
        return story;
    }
}

/// Does so many jobs in one thread for each core, each on a paused clock and a stage of its own.
fn on_every_core(jobs: usize, job: impl AsyncFn(&mut Stage, usize) + Sync) {
    let next = AtomicUsize::new(0);
    let work = async || {
        let mut stage = Stage::default();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= jobs {
                return;
            }
            job(&mut stage, number).await;
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
                runtime.block_on(work());
            });
        }
    });
}

/// Prints a line for whoever looks on.
#[allow(clippy::print_stdout, reason = "a test prints what nobody may log")]
fn print(line: &str) {
    println!("{line}");
}

fn number<N: std::str::FromStr>(variable: &str, default: N) -> N {
    let value = std::env::var(variable).ok();
    let number = |value: String| value.parse().ok().unwrap_or_else(|| panic!("{variable}={value}?"));
    value.map_or(default, number)
}
