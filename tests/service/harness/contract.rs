//! `openapi.yaml`, against which every response of every test is held.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::response::Response;

/// The document.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml");
    let text = std::fs::read_to_string(path).expect("openapi.yaml");
    serde_saphyr::from_str(&text).expect("YAML")
});

/// The documented answers of the functions, each as method, path, status, media type, and the last part of a problem's type, with
/// the schema of its body.
static ANSWERS: LazyLock<BTreeMap<String, Option<Validator>>> = LazyLock::new(|| {
    let mut answers = BTreeMap::new();
    for (route, operation) in operations() {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let response = resolved(response);
            let Some(content) = response["content"].as_object() else {
                answers.insert(format!("{route} {status}"), None);
                continue;
            };
            for (media_type, content) in content {
                for schema in alternatives(&content["schema"]) {
                    let name = resolved(schema)["properties"]["type"]["const"].as_str();
                    let name = name.and_then(|name| name.strip_prefix("urn:email-verification:"));
                    let key = [&route, status.as_str(), media_type, name.unwrap_or_default()];
                    let validator = (media_type != "text/html").then(|| validator(schema));
                    answers.insert(key.join(" ").trim().to_owned(), validator);
                }
            }
        }
    }
    // What API Gateway answers itself no function does.
    answers.retain(|key, _| !is_gateways(key));
    answers
});

/// Every documented operation by its route, such as `POST /request-code`.
pub(crate) fn operations() -> impl Iterator<Item = (String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        methods
            .iter()
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

/// Every documented answer of the functions.
pub(crate) fn answers() -> Vec<&'static str> {
    ANSWERS.keys().map(String::as_str).collect()
}

/// How the document names an answer.
pub(crate) fn name(event: &Value, response: &Response) -> String {
    let http = &event["requestContext"]["http"];
    let (method, path) = (
        http["method"].as_str().expect("a method"),
        http["path"].as_str().expect("a path"),
    );
    let media_type = response
        .headers
        .get("content-type")
        .map_or("", |text| text.split(';').next().unwrap_or_default());
    let kind = response.body["type"]
        .as_str()
        .and_then(|name| name.strip_prefix("urn:email-verification:"));
    let parts = [
        method,
        path,
        &response.status.to_string(),
        media_type,
        kind.unwrap_or_default(),
    ];
    parts.join(" ").trim().to_owned()
}

/// Fails unless the document has this answer. (It has no answer to a method that API Gateway does not let through.)
pub(crate) fn check(event: &Value, response: &Response) {
    if response.status == 405 {
        return;
    }
    let name = name(event, response);
    let documented = ANSWERS.get(&name);
    let validator = documented.unwrap_or_else(|| panic!("openapi.yaml does not know: {name}"));
    if let Some(validator) = validator
        && let Err(fault) = validator.validate(&response.body)
    {
        panic!("openapi.yaml: {name}: {fault}: {}", response.text);
    }
    let may_be_kept = name.starts_with("GET /.well-known/") && response.status == 200;
    let kept = if may_be_kept { "public, max-age=300" } else { "no-store" };
    assert_eq!(response.headers["cache-control"], kept, "{name}");
}

/// Whether an answer is API Gateway's own.
fn is_gateways(key: &str) -> bool {
    key.ends_with("application/json") && !key.contains(" 200 ") && !key.contains(" 202 ")
}

/// What a reference means.
fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference into the document");
            DOCUMENT.pointer(pointer).expect("what it refers to")
        }
        None => value,
    }
}

fn alternatives(schema: &'static Value) -> Vec<&'static Value> {
    schema["oneOf"]
        .as_array()
        .map_or_else(|| vec![schema], |all| all.iter().collect())
}

/// A validator of a schema. Those of `OpenAPI` 3.1 are JSON Schema 2020-12.
fn validator(schema: &Value) -> Validator {
    let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
    jsonschema::draft202012::new(&whole).expect("a schema")
}
