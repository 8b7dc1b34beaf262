//! Reads environment variables and collects every fault, so that one start names them all.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// What is wrong with the environment, one line for each variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not usable:{0}")]
pub struct ConfigError(String);

/// Finds a variable by its name, as [`std::env::var`] does.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables, and the faults found so far.
pub(super) struct Environment<'a> {
    lookup: Lookup<'a>,
    faults: String,
}

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: Lookup<'a>) -> Self {
        Self {
            lookup,
            faults: String::new(),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> String {
        self.parsed(name, "a name", |text| (!text.trim().is_empty()).then_some(text))
    }

    pub(super) fn number<N>(&mut self, name: &str, bounds: RangeInclusive<N>) -> N
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display + Default,
    {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.parsed(name, &expected, |text| {
            text.parse().ok().filter(|number| bounds.contains(number))
        })
    }

    /// Any text, which is checked later.
    pub(super) fn any(&mut self, name: &str) -> String {
        self.parsed(name, "a text, or nothing", Some)
    }

    /// A text that may be empty, which is none.
    pub(super) fn optional(
        &mut self,
        name: &str,
        expected: &str,
        is_usable: impl FnOnce(&str) -> bool,
    ) -> Option<String> {
        let text = self.parsed(name, &format!("{expected}, or nothing"), |text| {
            (text.is_empty() || is_usable(&text)).then_some(text)
        });
        Some(text).filter(|text| !text.is_empty())
    }

    pub(super) fn parsed<T: Default>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(String) -> Option<T>,
    ) -> T {
        let value = (self.lookup)(name);
        let found = value
            .as_ref()
            .map_or_else(|| "it is not set".to_owned(), |value| format!("found {value:?}"));
        value.and_then(parse).unwrap_or_else(|| {
            // Writing to a String cannot fail.
            let _ = write!(self.faults, "\n  {name}: expected {expected}, {found}");
            T::default()
        })
    }

    pub(super) fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(self.faults))
        }
    }
}
