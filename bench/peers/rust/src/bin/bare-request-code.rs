//! request-code with nothing but its calls.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use aws_sdk_sesv2::types::{Body as MailBody, Content, Destination, EmailContent, Message, MessageHeader, MessageTag};
use bench_peers::{CALLS, Function, attributes, email, log, names, respond, text, variable};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};
use rand::TryRng;
use rand::rngs::SysRng;
use serde_json::{Value, json};
use uuid::Uuid;

struct RequestCode {
    function: Function,
    ses: aws_sdk_sesv2::Client,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (function, _) = Function::start().await?;
    let ses = aws_sdk_sesv2::Client::new(&function.config);
    let function = &RequestCode { function, ses };
    run(service_fn(|request| function.handle(request))).await
}

impl RequestCode {
    async fn handle(&self, request: Request) -> Result<Response<Body>, Error> {
        let body: Value = serde_json::from_slice(request.body())?;
        let email = email(&body);
        let source = source(&request);
        let challenge = draw_uuid()?.hyphenated().to_string();
        let code = format!("{:06}", SysRng.try_next_u32()? % 1_000_000);
        self.charge(&email, &challenge, &code, &source).await?;
        self.send(&email, &code).await?;
        log("mailed", &challenge);
        respond(
            202,
            &json!({ "challenge_id": challenge, "expires_in": 600, "resend_in": 60 }),
        )
    }

    async fn charge(&self, email: &str, challenge: &str, code: &str, source: &str) -> Result<(), Error> {
        let digest = self.function.mac(&[email, challenge, code])?;
        let keys = [
            self.function.mac(&[email, challenge])?,
            self.function.mac(&[email])?,
            self.function.mac(&[source])?,
        ];
        let made = CALLS["TransactWriteItems"]["TransactItems"].as_array();
        let mut transaction = self.function.dynamodb.transact_write_items();
        for (item, key) in made.into_iter().flatten().zip(keys) {
            let mut write = update(&item["Update"])?;
            write.key.insert("pk".to_owned(), AttributeValue::S(key));
            if let Some(values) = &mut write.expression_attribute_values {
                values
                    .entry(":code".to_owned())
                    .and_modify(|code| *code = AttributeValue::S(digest.clone()));
            }
            transaction = transaction.transact_items(TransactWriteItem::builder().update(write).build());
        }
        let token = format!("{}-1", draw_uuid()?.simple());
        transaction.client_request_token(token).send().await?;
        Ok(())
    }

    async fn send(&self, email: &str, code: &str) -> Result<(), Error> {
        let mail = &CALLS["SendEmail"];
        let old_code = text(&CALLS["code"], "");
        let content = |part: &Value| {
            let data = text(part, "/Data").replace(old_code, code);
            Content::builder().data(data).charset("UTF-8").build()
        };
        let simple = &mail["Content"]["Simple"];
        let body = MailBody::builder()
            .text(content(&simple["Body"]["Text"])?)
            .html(content(&simple["Body"]["Html"])?);
        let mut message = Message::builder()
            .subject(content(&simple["Subject"])?)
            .body(body.build());
        for header in simple["Headers"].as_array().into_iter().flatten() {
            let header = MessageHeader::builder()
                .name(text(header, "/Name"))
                .value(text(header, "/Value"));
            message = message.headers(header.build()?);
        }
        let mut send = self
            .ses
            .send_email()
            .configuration_set_name(variable("CONFIGURATION_SET"));
        for tag in mail["EmailTags"].as_array().into_iter().flatten() {
            let tag = MessageTag::builder()
                .name(text(tag, "/Name"))
                .value(text(tag, "/Value"));
            send = send.email_tags(tag.build()?);
        }
        send.from_email_address(text(mail, "/FromEmailAddress"))
            .destination(Destination::builder().to_addresses(email).build())
            .content(EmailContent::builder().simple(message.build()).build())
            .send()
            .await?;
        Ok(())
    }
}

fn source(request: &Request) -> String {
    match request.request_context() {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.unwrap_or_default(),
        _ => String::new(),
    }
}

fn draw_uuid() -> Result<Uuid, Error> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

fn update(made: &Value) -> Result<Update, Error> {
    let update = Update::builder()
        .table_name(variable("TABLE_NAME"))
        .set_key(Some(attributes(&made["Key"])))
        .update_expression(text(made, "/UpdateExpression"))
        .condition_expression(text(made, "/ConditionExpression"))
        .set_expression_attribute_names(names(&made["ExpressionAttributeNames"]))
        .set_expression_attribute_values(Some(attributes(&made["ExpressionAttributeValues"])))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    Ok(update.build()?)
}
