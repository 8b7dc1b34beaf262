//! The stack's rule for emails that did not arrive, read from `template.yaml` and applied as `EventBridge` does. `make e2e` has the
//! emulator apply it.

use std::sync::LazyLock;

use serde_json::Value;

/// The name of the stack's configuration set, as the documents in `events/ses` have it.
const CONFIGURATION_SET: &str = "email-verification-ConfigurationSet-a1B2c3D4e5F6";

static RULE: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let text = std::fs::read_to_string(path).expect("template.yaml");
    let (_, rule) = text.split_once("\n  UndeliveredRule:\n").expect("the rule");
    let (rule, _) = rule.split_once("\n\n").expect("the next resource");
    // Of CloudFormation's tags only the first one matters here.
    let rule = rule
        .replace("!Ref ConfigurationSet", CONFIGURATION_SET)
        .replace("!GetAtt ", "");
    let rule: Value = serde_saphyr::from_str(&rule).expect("YAML");
    rule["Properties"].clone()
});

/// What request-code gets of an event. None if the rule does not match it.
pub(crate) fn apply(event: &Value) -> Option<Value> {
    if !matches(&RULE["EventPattern"], event) {
        return None;
    }
    let transformer = &RULE["Targets"][0]["InputTransformer"];
    let mut input = transformer["InputTemplate"].as_str().expect("a template").to_owned();
    for (name, path) in transformer["InputPathsMap"].as_object().expect("paths") {
        let path = path.as_str().expect("a path").replace('$', "").replace('.', "/");
        // A variable whose path leads nowhere is empty. What is no text stands outside of quotes.
        let value = event.pointer(&path).map_or_else(String::new, |value| {
            value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
        });
        input = input.replace(&format!("<{name}>"), &value);
    }
    Some(serde_json::from_str(&input).expect("JSON"))
}

/// Whether an event, or a member of it, has what a pattern asks for.
fn matches(pattern: &Value, found: &Value) -> bool {
    match pattern {
        Value::Object(members) => members.iter().all(|(name, pattern)| match name.as_str() {
            "$or" => pattern
                .as_array()
                .expect("patterns")
                .iter()
                .any(|pattern| matches(pattern, found)),
            name => matches(pattern, &found[name]),
        }),
        Value::Array(alternatives) => alternatives.iter().any(|expected| {
            let exists = expected["exists"].as_bool().map(|exists| exists != found.is_null());
            exists
                .unwrap_or_else(|| found == expected || found.as_array().is_some_and(|found| found.contains(expected)))
        }),
        _ => panic!("{pattern}?"),
    }
}
