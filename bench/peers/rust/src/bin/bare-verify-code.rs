//! verify-code with nothing but its calls.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use bench_peers::{CALLS, Function, attributes, email, hmac, log, respond, text, variable};
use data_encoding::BASE64URL_NOPAD;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

struct VerifyCode {
    function: Function,
    proof_key: SigningKey,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (function, secret) = Function::start().await?;
    let proof_key = SigningKey::from_slice(&hmac(&secret, b"proof")?)?;
    let function = &VerifyCode { function, proof_key };
    run(service_fn(|request| function.handle(request))).await
}

impl VerifyCode {
    async fn handle(&self, request: Request) -> Result<Response<Body>, Error> {
        let body: Value = serde_json::from_slice(request.body())?;
        let (email, challenge) = (email(&body), text(&body, "/challenge_id"));
        let guess = self.function.mac(&[&email, challenge, text(&body, "/code")])?;
        let name = self.function.mac(&[&email, challenge])?;
        let values = [
            (":guess", AttributeValue::S(guess.clone())),
            (":guesses", AttributeValue::Ss(vec![guess.clone()])),
        ];
        let written = self.update("UpdateItem", &name, values).send().await?;
        let found = written.attributes.ok_or("no challenge")?;
        let member = |name| found.get(name).ok_or("an incomplete challenge");
        let digest = member("code_digest")?.as_s().map_err(|_| "no digest")?;
        if !bool::from(digest.as_bytes().ct_eq(guess.as_bytes())) {
            log("invalid-code", challenge);
            let guesses = member("guesses")?.as_ss().map_err(|_| "no guesses")?.len();
            let left = variable("MAX_GUESSES").parse::<usize>()?.saturating_sub(guesses);
            return respond(
                401,
                &json!({ "type": "invalid-code", "status": 401, "guesses_left": left }),
            );
        }
        let lifetime = 60 * variable("PROOF_LIFETIME_MINUTES").parse::<u64>()?;
        let generation = member("generation")?.as_s().map_err(|_| "no generation")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let token = self.sign(&json!({
            "iss": format!("https://{}", domain(&request)),
            "aud": variable("PROOF_AUDIENCE"),
            "sub": email,
            "email": email,
            "email_verified": true,
            "challenge_id": challenge,
            "purpose": "sign-up",
            "jti": self.function.mac(&[&email, challenge, generation, "proof"])?,
            "iat": now,
            "exp": now + lifetime,
        }));
        for (source, mails) in member("paid_by")?.as_m().map_err(|_| "no sources")? {
            let mails = mails.as_n().map_err(|_| "no number")?;
            let values = [
                (":mails", AttributeValue::N(mails.clone())),
                (":minus", AttributeValue::N(format!("-{mails}"))),
            ];
            self.update("GiveBack", source, values).send().await?;
        }
        log("verified", challenge);
        let verified = json!({ "email": email, "token": token, "token_type": "JWT", "expires_in": lifetime });
        respond(200, &verified)
    }

    /// A write like one that was made, of another item and with other values.
    fn update(&self, made: &str, name: &str, values: [(&str, AttributeValue); 2]) -> UpdateItemFluentBuilder {
        let made = &CALLS[made];
        let mut all_values = attributes(&made["ExpressionAttributeValues"]);
        all_values.extend(values.map(|(placeholder, value)| (placeholder.to_owned(), value)));
        self.function
            .dynamodb
            .update_item()
            .table_name(variable("TABLE_NAME"))
            .key("pk", AttributeValue::S(name.to_owned()))
            .update_expression(text(made, "/UpdateExpression"))
            .condition_expression(text(made, "/ConditionExpression"))
            .set_expression_attribute_values(Some(all_values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn sign(&self, claims: &Value) -> String {
        let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"ES256","kid":"1"}"#);
        let input = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.to_string().as_bytes()));
        let signature: Signature = self.proof_key.sign(input.as_bytes());
        format!("{input}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
    }
}

fn domain(request: &Request) -> String {
    match request.request_context() {
        RequestContext::ApiGatewayV2(context) => context.domain_name.unwrap_or_default(),
        _ => String::new(),
    }
}
