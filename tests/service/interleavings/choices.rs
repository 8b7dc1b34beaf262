//! Which of the possible next steps is taken.

use super::cast::Scene;

/// A list of choices, each a number below how many there were.
pub(super) struct Choices {
    taken: Vec<(usize, usize)>,
    /// How many of them were made in this world.
    at: usize,
    /// The state of the generator, if choices are drawn.
    seed: Option<u64>,
    /// Whether a story named them.
    are_read: bool,
}

impl Choices {
    /// Always the first choice, until [`Self::advance`] says otherwise.
    pub(super) fn first() -> Self {
        Self {
            taken: Vec::new(),
            at: 0,
            seed: None,
            are_read: false,
        }
    }

    pub(super) fn drawn(seed: u64) -> Self {
        Self {
            seed: Some(seed),
            ..Self::first()
        }
    }

    /// Whether every choice gets its turn, by [`Self::advance`].
    pub(super) fn are_counted(&self) -> bool {
        self.seed.is_none() && !self.are_read
    }

    /// Chooses one of so many.
    pub(super) fn choose(&mut self, of: usize) -> usize {
        assert!(of > 0, "nothing to choose from");
        if self.at == self.taken.len() {
            let chosen = self.draw(of);
            self.taken.push((chosen, of));
        }
        let (chosen, _) = self.taken[self.at];
        self.at += 1;
        // A world that is replayed after a change may have fewer choices.
        chosen.min(of - 1)
    }

    /// Goes on to the next world, depth first. False after the last one.
    pub(super) fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.taken.pop() {
            if chosen + 1 < of {
                self.taken.push((chosen + 1, of));
                return true;
            }
        }
        false
    }

    /// The choices so far, as [`read`] takes them.
    pub(super) fn written(&self) -> String {
        let numbers = self.taken[..self.at].iter().map(|(chosen, _)| chosen.to_string());
        numbers.collect::<Vec<_>>().join(" ")
    }

    /// `SplitMix64`.
    fn draw(&mut self, of: usize) -> usize {
        let Some(seed) = &mut self.seed else { return 0 };
        *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = *seed;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((number ^ (number >> 31)) % of as u64).expect("below it")
    }
}

/// Reads a world as a story names it: a scene, a colon, and its choices.
pub(super) fn read(world: &str) -> (Scene, Choices) {
    let (scene, numbers) = world.split_once(':').expect("a scene and choices");
    let numbers = numbers
        .split_whitespace()
        .map(|number| number.parse().expect("a number"));
    let choices = Choices {
        taken: numbers.map(|number| (number, usize::MAX)).collect(),
        are_read: true,
        ..Choices::first()
    };
    (Scene::read(scene), choices)
}
