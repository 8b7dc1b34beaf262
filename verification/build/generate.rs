//! Writes the texts of all languages as Rust.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{FILES, Language, NUMBER, REFERENCE};

/// For generated code, which nobody reads.
const ALLOW: &str = "#[allow(clippy::all, clippy::pedantic, reason = \"generated\")]";

/// The Rust code of all languages.
pub(crate) fn all(languages: &[Language]) -> Result<String, std::fmt::Error> {
    let mut code = locale(languages);
    for (index, (name, variables)) in FILES.iter().enumerate() {
        texts(&mut code, languages, index, name, variables)?;
    }
    Ok(code)
}

/// The enum of all languages.
fn locale(languages: &[Language]) -> String {
    let each = |write: &dyn Fn(&str, String) -> String| -> String {
        let lines = languages
            .iter()
            .map(|language| write(&language.tag, type_of(&language.tag)));
        lines.collect()
    };
    format!(
        "/// A language: a folder of `locales/`.
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]
         pub enum Locale {{ {variants} }}
         impl Locale {{
             /// Every language.
             pub const ALL: &[Self] = &[{all}];
             /// The language tag (BCP 47).
             #[must_use]
             pub const fn tag(self) -> &'static str {{ match self {{ {tags} }} }}
         }}\n",
        variants = each(&|tag, variant| format!("/// `{tag}`\n{variant},")),
        all = each(&|_, variant| format!("Self::{variant},")),
        tags = each(&|tag, variant| format!("Self::{variant} => {tag:?},")),
    )
}

/// The struct of one file.
fn texts(code: &mut String, languages: &[Language], index: usize, name: &str, variables: &[&str]) -> std::fmt::Result {
    let (title, lifetime) = (type_of(name), if variables.is_empty() { "" } else { "<'a>" });
    writeln!(
        code,
        "/// The texts of `{name}.ftl`.
         #[derive(Clone, Copy)]
         pub struct {title}Texts{lifetime} {{
             /// The language.
             pub locale: Locale,"
    )?;
    for variable in variables {
        let kind = if *variable == NUMBER { "i64" } else { "&'a str" };
        writeln!(code, "/// `${variable}`\npub {variable}: {kind},")?;
    }
    writeln!(
        code,
        "}}\n{ALLOW}\nimpl {title}Texts{} {{",
        lifetime.replace("'a", "'_")
    )?;
    let reference = languages.iter().find(|language| language.tag == REFERENCE);
    let messages = reference.and_then(|language| language.files.get(index));
    for key in messages.into_iter().flat_map(BTreeMap::keys) {
        writeln!(
            code,
            "/// `{key}`
             #[must_use]
             pub fn {method}(&self) -> String {{
                 let mut text = String::new();
                 match self.locale {{",
            method = key.replace('-', "_")
        )?;
        for Language { tag, files } in languages {
            let body = files.get(index).and_then(|messages| messages.get(key));
            let body = body.map_or("", String::as_str);
            writeln!(code, "Locale::{variant} => {{ {body} }}", variant = type_of(tag))?;
        }
        writeln!(code, "}} text }}")?;
    }
    writeln!(code, "}}")
}

/// A tag or file name as the name of a type: `pt-BR` is `PtBr`.
fn type_of(name: &str) -> String {
    let words = name.split(['-', '_']).map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + &letters.as_str().to_ascii_lowercase())
            .unwrap_or_default()
    });
    words.collect()
}
