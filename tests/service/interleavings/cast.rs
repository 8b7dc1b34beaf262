//! Who asks for a code or types one, and under which circumstances.

use std::fmt;

use verification::rules::limits::Limits;

use super::choices::Choices;
use crate::harness::service::{KIM, OWN_ID};

/// Small, so that a small world reaches them.
const LIMITS: Limits = Limits::new(3, 2, time::Duration::minutes(1), 2);
/// Those of a [`Circumstance::Tight`] world.
const TIGHT_LIMITS: Limits = Limits::new(1, 2, time::Duration::minutes(1), 2);

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The app asks for a code, with its id.
    Ask,
    /// The app asks once more, from another network.
    Elsewhere,
    /// The app asks for a code to sign in, with its id.
    ToSignIn,
    /// The app's network asks with another id, as a second sign-up would.
    Another,
    /// Somebody else behind the app's network asks for their own mailbox.
    Neighbour,
    /// A stranger asks, with an id of their own.
    Stranger,
    /// The person types the code of the app's newest email.
    Right,
    /// Somebody types a wrong code for the app's id.
    Wrong,
    /// Somebody types the code of the app's newest email to sign in.
    Misused,
    /// The person taps the link in the app's newest email.
    Link,
    /// SES says that the app's newest email did not arrive.
    Bounce,
    /// SES says that the app's first email did not arrive.
    LateBounce,
}

/// What is special about a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circumstance {
    /// The first one is through before anybody else starts.
    Begun,
    /// All clocks are right.
    Punctual,
    /// Less time may pass as well, so that an email can follow shortly before its code's last minute, and a repeat within it.
    Closely,
    /// It is half a minute before midnight UTC.
    Midnight,
    /// Two days may pass, and TTL deletes what is past its time.
    Days,
    /// SES fails each email in the same way, until it is well again.
    Sick,
    /// A new version of the secret comes into force in half a minute.
    Rotation,
    /// The mailbox takes one email a day, and one more from another source.
    Tight,
    /// Two wrong codes kill a challenge. Otherwise one does.
    TwoGuesses,
    /// SES has left ten emails of the mailbox unconfirmed.
    Unconfirmed,
}

/// A cast and its circumstances.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) cast: Vec<Role>,
    pub(super) circumstances: Vec<Circumstance>,
    /// How many calls may go wrong.
    pub(super) faults: usize,
    /// How often time may pass.
    pub(super) waits: usize,
}

impl Role {
    pub(super) const ALL: [Self; 12] = [
        Self::Ask,
        Self::Elsewhere,
        Self::ToSignIn,
        Self::Another,
        Self::Neighbour,
        Self::Stranger,
        Self::Right,
        Self::Wrong,
        Self::Misused,
        Self::Link,
        Self::Bounce,
        Self::LateBounce,
    ];

    pub(super) fn asks(self) -> bool {
        !matches!(self, Self::Right | Self::Wrong | Self::Misused | Self::Link) && !self.is_ses()
    }

    /// Whether it is SES.
    pub(super) fn is_ses(self) -> bool {
        matches!(self, Self::Bounce | Self::LateBounce)
    }

    /// Whether it needs an email of the app's.
    pub(super) fn reads_mail(self) -> bool {
        matches!(self, Self::Right | Self::Misused | Self::Link) || self.is_ses()
    }

    pub(super) fn email(self) -> &'static str {
        match self {
            Self::Neighbour => "lee@example.com",
            _ => KIM,
        }
    }

    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Elsewhere => "203.0.113.8",
            Self::Stranger => "198.51.100.66",
            _ => "203.0.113.7",
        }
    }

    /// The challenge's id.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Stranger => "0b9f6f5e-7c1d-4f7e-8a8e-2f4b1c9d0e11",
            Self::Another => "5d3a1c2e-8b7f-4e6d-9c0a-1f2e3d4c5b6a",
            Self::Neighbour => "c1a7e0b2-3d4f-4a5b-8c6d-7e8f90a1b2c3",
            _ => OWN_ID,
        }
    }

    /// What the proof is for.
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Self::ToSignIn | Self::Misused => "sign-in",
            _ => "sign-up",
        }
    }

    /// Whether it is about the challenge that [`Role::Ask`] opens.
    pub(super) fn is_about_the_apps(self) -> bool {
        self.id() == OWN_ID && self.purpose() == "sign-up"
    }
}

impl Circumstance {
    const ALL: [Self; 10] = [
        Self::Begun,
        Self::Punctual,
        Self::Closely,
        Self::Midnight,
        Self::Days,
        Self::Sick,
        Self::Rotation,
        Self::Tight,
        Self::TwoGuesses,
        Self::Unconfirmed,
    ];
}

impl Scene {
    /// A scene without faults in which no time passes.
    pub(super) fn of(cast: &[Role]) -> Self {
        Self {
            cast: cast.to_vec(),
            circumstances: Vec::new(),
            faults: 0,
            waits: 0,
        }
    }

    pub(super) fn with(mut self, circumstance: Circumstance) -> Self {
        self.circumstances.push(circumstance);
        self
    }

    /// A cast of two to six, the first of which asks, with up to three faults and in two of three worlds a circumstance.
    pub(super) fn draw(choices: &mut Choices) -> Self {
        // Small ones are more, because they are played faster.
        let most = 1 + choices.choose(5);
        let others = 1 + choices.choose(most);
        let others = (0..others).map(|_| Role::ALL[choices.choose(Role::ALL.len())]);
        let cast = std::iter::once(Role::Ask).chain(others).collect();
        let is_so = Circumstance::ALL.into_iter().filter(|_| choices.choose(9) == 0);
        Self {
            cast,
            circumstances: is_so.collect(),
            faults: choices.choose(4),
            waits: choices.choose(4),
        }
    }

    /// The scenes that have one thing less.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        for index in 1..self.cast.len() {
            let mut scene = self.clone();
            scene.cast.remove(index);
            smaller.push(scene);
        }
        for index in 0..self.circumstances.len() {
            let mut scene = self.clone();
            scene.circumstances.remove(index);
            smaller.push(scene);
        }
        for (faults, waits) in [(1, 0), (0, 1)] {
            if let (Some(faults), Some(waits)) = (self.faults.checked_sub(faults), self.waits.checked_sub(waits)) {
                smaller.push(Self {
                    faults,
                    waits,
                    ..self.clone()
                });
            }
        }
        smaller
    }

    pub(super) fn is(&self, circumstance: Circumstance) -> bool {
        self.circumstances.contains(&circumstance)
    }

    pub(super) fn limits(&self) -> Limits {
        if self.is(Circumstance::Tight) {
            TIGHT_LIMITS
        } else {
            LIMITS
        }
    }

    /// The guesses that a challenge takes.
    pub(super) fn max_guesses(&self) -> usize {
        if self.is(Circumstance::TwoGuesses) { 2 } else { 1 }
    }

    /// The unconfirmed emails that each mailbox has at first.
    pub(super) fn unconfirmed(&self) -> i64 {
        if self.is(Circumstance::Unconfirmed) { 10 } else { 0 }
    }

    /// Reads what is [`Display`](fmt::Display)ed.
    pub(super) fn read(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a number");
        let (faults, waits) = (number(), number());
        let mut scene = Self {
            faults,
            waits,
            ..Self::of(&[])
        };
        for word in words {
            let role = Role::ALL.into_iter().find(|role| format!("{role:?}") == word);
            let mut all = Circumstance::ALL.into_iter();
            let circumstance = all.find(|special| format!("{special:?}") == word);
            assert!(role.is_some() || circumstance.is_some(), "{word}?");
            scene.cast.extend(role);
            scene.circumstances.extend(circumstance);
        }
        scene
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.faults, self.waits)?;
        for role in &self.cast {
            write!(formatter, " {role:?}")?;
        }
        for circumstance in &self.circumstances {
            write!(formatter, " {circumstance:?}")?;
        }
        Ok(())
    }
}
