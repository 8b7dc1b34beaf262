//! The orders in which the calls of a few requests can reach AWS, with what can go wrong on the way.
//!
//! A handler waits for nothing but AWS calls and timers, so an interleaving *is* an order of calls. Both real handlers and the
//! real SDK run in one thread. Each call parks in the [`lot`]; the [`play`] picks the next one and what becomes of it.
//!
//! * [`choices`]: which of the possible next steps is taken. They are counted through, or drawn from a seed.
//! * [`cast`]: who asks for a code or uses one.
//! * [`lot`]: where calls wait for their turn.
//! * [`play`]: one world, from its first step to its last.
//! * [`promises`]: what must hold after each world.
//!
//! A world that breaks a promise tells its story, a line a step, and ends with `WORLD="…"`. With that variable set, `make
//! interleavings` replays it alone. Not in these worlds: rotation, midnight, TTL, test recipients.

mod cast;
mod choices;
mod lot;
mod play;
mod promises;

use self::cast::Role;
use self::choices::Choices;
use self::play::Play;

#[tokio::test(start_paused = true)]
async fn every_order_of_two_requests_keeps_the_promises() {
    for role in Role::ALL {
        let (cast, mut choices, mut worlds) = ([Role::Ask, role], Choices::first(), 0);
        loop {
            let played = Box::pin(Play::run(&cast, 0, &mut choices)).await;
            played.unwrap_or_else(|story| panic!("{story}"));
            worlds += 1;
            if !choices.advance() {
                break;
            }
        }
        assert!(worlds > 1, "{role:?}");
    }
}

/// `make interleavings` plays more of them, and others by `SEED=7`.
#[tokio::test(start_paused = true)]
async fn drawn_worlds_of_up_to_five_requests_and_two_faults_keep_the_promises() {
    if let Ok(world) = std::env::var("WORLD") {
        let (cast, mut choices) = choices::read(&world);
        let played = Box::pin(Play::run(&cast, 2, &mut choices)).await;
        return played.unwrap_or_else(|story| panic!("{story}"));
    }
    let seed = number("SEED", 1);
    for world in 0..number("WORLDS", 500) {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(world);
        let (cast, mut choices) = (cast::draw(&mut Choices::drawn(!seed)), Choices::drawn(seed));
        let played = Box::pin(Play::run(&cast, 2, &mut choices)).await;
        played.unwrap_or_else(|story| panic!("world {world}: {story}"));
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.and_then(|value| value.parse().ok()).unwrap_or(default)
}
