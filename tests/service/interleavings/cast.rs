//! Who asks for a code or types one.

use super::choices::Choices;

/// What somebody does. All of it is about one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// The app asks for a code, with its id.
    Ask,
    /// The app asks once more, from another network.
    Elsewhere,
    /// The app's network asks with another id, as somebody else behind it or a second sign-up would.
    Another,
    /// A stranger asks, with an id of their own.
    Stranger,
    /// The person types the code of the app's newest email.
    Right,
    /// Somebody types a wrong code for the app's id.
    Wrong,
    /// The person taps the link in the app's newest email.
    Link,
}

impl Role {
    pub(super) const ALL: [Self; 7] = [
        Self::Ask,
        Self::Elsewhere,
        Self::Another,
        Self::Stranger,
        Self::Right,
        Self::Wrong,
        Self::Link,
    ];

    pub(super) fn asks(self) -> bool {
        matches!(self, Self::Ask | Self::Elsewhere | Self::Another | Self::Stranger)
    }

    /// Whether it needs an email of the app's.
    pub(super) fn reads_mail(self) -> bool {
        matches!(self, Self::Right | Self::Link)
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
            _ => crate::harness::service::OWN_ID,
        }
    }

    pub(super) fn named(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|role| format!("{role:?}") == name).expect("a role")
    }
}

/// A cast of two to five, the first of which asks.
pub(super) fn draw(choices: &mut Choices) -> Vec<Role> {
    let others = 1 + choices.choose(4);
    let others = (0..others).map(|_| Role::ALL[choices.choose(Role::ALL.len())]);
    std::iter::once(Role::Ask).chain(others).collect()
}
