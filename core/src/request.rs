//! What a caller sent, taken out of the HTTP request.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::{Method, header};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use serde_json::{Map, Value};

use crate::address::Recipient;
use crate::answer::Problem;
use crate::challenge::ChallengeId;
use crate::code::Code;
use crate::source::Source;

/// The longest body that is read, in bytes. An address, a locale and an id fit ten times.
const LONGEST_BODY: usize = 8 * 1024;

/// The fields of a JSON body.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads the JSON object in the body of a POST.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for another method or media type, for a body that is too long, and for one that is no JSON object.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        require(Method::POST, request)?;
        if !has_json(request) {
            return Err(Problem::UnsupportedMediaType);
        }
        if request.body().len() > LONGEST_BODY {
            return Err(Problem::malformed(format!(
                "the body is longer than {LONGEST_BODY} bytes"
            )));
        }
        match serde_json::from_slice(request.body()) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Problem::malformed("the body is not a JSON object")),
            Err(_) => Err(Problem::malformed("the body is not JSON")),
        }
    }

    /// `email`, normalised.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when it is missing, no string, or no address that SES can mail.
    pub fn email(&self) -> Result<Recipient, Problem> {
        Recipient::parse(self.required("email")?).map_err(|_| Problem::InvalidEmail)
    }

    /// `challenge_id`, which request-code may do without.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when it is there but no UUID.
    pub fn challenge_id(&self) -> Result<Option<ChallengeId>, Problem> {
        let id = self.optional("challenge_id")?.map(ChallengeId::parse).transpose();
        id.map_err(|_| Problem::malformed("challenge_id is not a UUID"))
    }

    /// `challenge_id`, which verify-code needs.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when it is missing or no UUID.
    pub fn required_challenge_id(&self) -> Result<ChallengeId, Problem> {
        self.required("challenge_id")?;
        self.challenge_id()?
            .ok_or_else(|| Problem::malformed("challenge_id is missing"))
    }

    /// `code`, which has `digits` digits.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when it is missing, no string, or has another shape.
    pub fn code(&self, digits: u8) -> Result<Code, Problem> {
        let code = Code::parse(self.required("code")?, digits);
        code.map_err(|_| Problem::malformed(format!("code is not {digits} digits")))
    }

    /// `locale`, if the app sent one.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when it is there but no string.
    pub fn locale(&self) -> Result<Option<&str>, Problem> {
        self.optional("locale")
    }

    fn required(&self, name: &str) -> Result<&str, Problem> {
        self.optional(name)?
            .ok_or_else(|| Problem::malformed(format!("{name} is missing")))
    }

    /// A field that is null counts as left out, as many JSON libraries write it.
    fn optional(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::malformed(format!("{name} is not a string"))),
        }
    }
}

/// Checks the method. API Gateway has no route for another; `cargo lambda watch` does.
///
/// # Errors
///
/// A [`Problem`] for any method but `allowed`.
pub fn require(allowed: Method, request: &Request) -> Result<(), Problem> {
    if request.method() == allowed {
        Ok(())
    } else {
        Err(Problem::MethodNotAllowed { allowed })
    }
}

/// The domain of the API to which the request came. API Gateway sets it, not the caller.
#[must_use]
pub fn domain(request: &Request) -> Option<&str> {
    context(request)?.domain_name.as_deref()
}

/// The caller's address as API Gateway saw it.
#[must_use]
pub fn source(request: &Request) -> Option<Source> {
    Source::parse(context(request)?.http.source_ip.as_deref()?)
}

/// The id that API Gateway gave the request; its access log and its `apigw-requestid` header have it as well.
#[must_use]
pub fn id(request: &Request) -> &str {
    let id = context(request).and_then(|context| context.request_id.as_deref());
    id.unwrap_or("unknown")
}

/// The `Accept-Language` header.
#[must_use]
pub fn accept_language(request: &Request) -> Option<&str> {
    request.headers().get(header::ACCEPT_LANGUAGE)?.to_str().ok()
}

fn context(request: &Request) -> Option<&ApiGatewayV2httpRequestContext> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => Some(context),
        _ => None,
    }
}

/// Whether the media type is `application/json` or another `+json`, whatever its parameters (RFC 6839, 3.1).
fn has_json(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
    })
}
