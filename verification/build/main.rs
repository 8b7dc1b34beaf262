//! Compiles the texts of `locales/` into Rust, so that a function starts without parsing them.
//!
//! Each folder of `locales/` is a language, named by its tag (BCP 47), with the files of [`FILES`] in the Fluent format
//! (<https://projectfluent.org>). The result is an enum `Locale` with a variant for each language, and for each file a struct
//! with its variables as fields and a method for each message.
//!
//! `locales/en` decides which messages there are. What another language lacks or has too much is a compile error that names
//! file and message. So is whatever of Fluent is not understood here: only text, variables, strings, and variants by
//! a number are.

#![expect(clippy::print_stdout, reason = "cargo reads what a build script prints")]

mod generate;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

use fluent_syntax::ast::{
    Entry, Expression, Identifier, InlineExpression, Pattern, PatternElement, Variant, VariantKey,
};
use fluent_syntax::parser;
use fluent_syntax::unicode::unescape_unicode_to_string;
use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use unic_langid::LanguageIdentifier;

/// The files of a language, each with its variables. [`NUMBER`] is a number, the others are text.
const FILES: [(&str, &[&str]); 3] = [
    ("language", &[]),
    ("mail", &["code", "minutes", "sender"]),
    ("page", &["address", "sender"]),
];

/// The variable that variants can be chosen by.
const NUMBER: &str = "minutes";
/// The greatest value that it can have, and more.
const MAX_NUMBER: u8 = 60;

/// The language that decides which messages there are.
const REFERENCE: &str = "en";

/// The messages of one file, each as the Rust expression of a method's body.
type Messages = BTreeMap<String, String>;

/// One language: its tag and, in the order of [`FILES`], its messages.
struct Language {
    tag: String,
    files: Vec<Messages>,
}

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=locales");
    let mut faults = Vec::new();
    let languages = read(Path::new("locales"), &mut faults)?;
    compare(&languages, &mut faults);
    let code = if faults.is_empty() {
        generate::all(&languages).map_err(io::Error::other)?
    } else {
        let errors = faults.iter().map(|fault| format!("compile_error!({fault:?});\n"));
        errors.collect()
    };
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&folder).join("locale.rs"), code)
}

/// Reads every language, in the order of their tags.
fn read(folder: &Path, faults: &mut Vec<String>) -> io::Result<Vec<Language>> {
    let mut languages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let tag = entry.file_name().to_string_lossy().into_owned();
        let mut files = Vec::new();
        for (name, variables) in FILES {
            let path = format!("locales/{tag}/{name}.ftl");
            let mut file = File::new(path, &tag, variables);
            let text = fs::read_to_string(&file.path).unwrap_or_else(|error| {
                file.faults.push(format!("{}: {error}", file.path));
                String::new()
            });
            files.push(file.compile(&text));
            faults.append(&mut file.faults);
        }
        languages.push(Language { tag, files });
    }
    languages.sort_by(|one, other| one.tag.cmp(&other.tag));
    Ok(languages)
}

/// Finds messages that a language lacks, or has although the reference has not.
fn compare(languages: &[Language], faults: &mut Vec<String>) {
    let Some(reference) = languages.iter().find(|language| language.tag == REFERENCE) else {
        faults.push(format!("locales/{REFERENCE} is missing"));
        return;
    };
    for Language { tag, files } in languages {
        for ((name, _), (messages, wanted)) in FILES.iter().zip(files.iter().zip(&reference.files)) {
            let lacks = wanted.keys().filter(|key| !messages.contains_key(*key));
            faults.extend(lacks.map(|key| format!("locales/{tag}/{name}.ftl: the message `{key}` is missing")));
            let extra = messages.keys().filter(|key| !wanted.contains_key(*key));
            faults.extend(extra.map(|key| {
                format!("locales/{tag}/{name}.ftl: the message `{key}` is not in locales/{REFERENCE}/{name}.ftl")
            }));
        }
    }
}

/// One file while it is compiled.
struct File<'a> {
    path: String,
    tag: &'a str,
    variables: &'a [&'a str],
    faults: Vec<String>,
}

impl<'a> File<'a> {
    fn new(path: String, tag: &'a str, variables: &'a [&'a str]) -> Self {
        Self {
            path,
            tag,
            variables,
            faults: Vec::new(),
        }
    }

    fn compile(&mut self, text: &str) -> Messages {
        let resource = parser::parse(text).unwrap_or_else(|(resource, errors)| {
            for error in errors {
                let line = text.get(..error.pos.start).unwrap_or(text).lines().count();
                self.faults.push(format!("{}:{line}: {}", self.path, error.kind));
            }
            resource
        });
        let mut messages = Messages::new();
        for entry in resource.body {
            match entry {
                Entry::Message(message) => {
                    let key = message.id.name;
                    if ["match", "move", "loop", "use", "type", "self", "where", "while"].contains(&key) {
                        self.fault(key, "is named by a word of Rust");
                        continue;
                    }
                    let body = message.value.map(|pattern| self.pattern(key, &pattern));
                    if let Some(body) = body.filter(|_| message.attributes.is_empty()) {
                        if messages.insert(key.to_owned(), body).is_some() {
                            self.fault(key, "is there twice");
                        }
                    } else {
                        self.fault(key, "must have a text and no attributes");
                    }
                }
                Entry::Term(term) => self.fault(term.id.name, "is a term, which is not supported"),
                Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) | Entry::Junk { .. } => {}
            }
        }
        messages
    }

    fn fault(&mut self, key: &str, what: &str) {
        self.faults.push(format!("{}: the message `{key}` {what}", self.path));
    }

    /// The statements that append a pattern to `text`.
    fn pattern(&mut self, key: &str, pattern: &Pattern<&str>) -> String {
        let elements = pattern.elements.iter().map(|element| match element {
            PatternElement::TextElement { value } => append_text(value),
            PatternElement::Placeable { expression } => match expression {
                Expression::Inline(
                    InlineExpression::StringLiteral { value } | InlineExpression::NumberLiteral { value },
                ) => append_text(&unescape_unicode_to_string(value)),
                Expression::Inline(InlineExpression::VariableReference { id }) => self.variable(key, id),
                Expression::Select {
                    selector: InlineExpression::VariableReference { id },
                    variants,
                } if id.name == NUMBER && self.variables.contains(&NUMBER) => self.variants(key, variants),
                _ => {
                    self.fault(key, "has something in braces that is not supported");
                    String::new()
                }
            },
        });
        elements.collect()
    }

    fn variable(&mut self, key: &str, id: &Identifier<&str>) -> String {
        let name = id.name;
        if !self.variables.contains(&name) {
            self.fault(
                key,
                &format!("has ${name}; here are only these: {}", self.variables.join(", ")),
            );
        }
        if name == NUMBER {
            format!("text.push_str(&self.{name}.to_string());\n")
        } else {
            format!("text.push_str(self.{name});\n")
        }
    }

    /// A `match` over the number, with the numbers of each variant written out.
    fn variants(&mut self, key: &str, variants: &[Variant<&str>]) -> String {
        let mut arms = String::new();
        let mut otherwise = String::new();
        for variant in variants {
            let body = self.pattern(key, &variant.value);
            if variant.default {
                otherwise = format!("_ => {{ {body} }}\n");
                continue;
            }
            let numbers = match variant.key {
                VariantKey::NumberLiteral { value } => value.parse::<u8>().iter().map(u8::to_string).collect(),
                VariantKey::Identifier { name } => numbers_of(self.tag, name),
            };
            if numbers.is_empty() {
                self.fault(key, "has a variant for no number of this language");
            } else {
                let _ = writeln!(arms, "{} => {{ {body} }}", numbers.join(" | "));
            }
        }
        format!("match self.{NUMBER} {{ {arms} {otherwise} }}\n")
    }
}

fn append_text(text: &str) -> String {
    format!("text.push_str({text:?});\n")
}

/// The whole numbers that a plural category of a language covers, by the rules of Unicode CLDR.
fn numbers_of(tag: &str, category: &str) -> Vec<String> {
    let of = |tag: &str| PluralRules::create(tag.parse::<LanguageIdentifier>().ok()?, PluralRuleType::CARDINAL).ok();
    // Few regions have rules of their own.
    let rules = of(tag).or_else(|| of(tag.split('-').next()?));
    let Some(rules) = rules else { return Vec::new() };
    let numbers = (0..=MAX_NUMBER).filter(|number| {
        rules.select(*number).is_ok_and(|found| {
            let name = match found {
                PluralCategory::ZERO => "zero",
                PluralCategory::ONE => "one",
                PluralCategory::TWO => "two",
                PluralCategory::FEW => "few",
                PluralCategory::MANY => "many",
                PluralCategory::OTHER => "other",
            };
            name == category
        })
    });
    numbers.map(|number| number.to_string()).collect()
}
