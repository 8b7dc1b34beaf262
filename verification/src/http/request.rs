//! What a caller sent, read and checked.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::header;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::rules::challenge_id::ChallengeId;
use crate::rules::code::Code;
use crate::rules::link;
use crate::rules::purpose::Purpose;
use crate::rules::recipient::Recipient;
use crate::rules::source::Source;
use crate::rules::trusted_callers::TrustedCallers;

/// The header in which a trusted caller names the person's IP address.
pub const PERSON_ADDRESS: &str = "person-address";

/// The most bytes of a body. An address, a locale and an id fit ten times.
const MAX_BODY_BYTES: usize = 8 * 1024;

/// The members of a JSON body.
pub struct JsonBody(Map<String, Value>);

impl JsonBody {
    /// Reads the JSON object in the body of a POST.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for another method or media type, and for a body that is too long or no JSON object.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        require("POST", request)?;
        if !has_json(request) {
            return Err(Problem::UnsupportedMediaType);
        }
        if request.body().len() > MAX_BODY_BYTES {
            return Err(Problem::malformed(format!(
                "the body must have at most {MAX_BODY_BYTES} bytes"
            )));
        }
        match serde_json::from_slice(request.body()) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Problem::malformed("the body must be a JSON object")),
            Err(_) => Err(Problem::malformed(
                "the body must be JSON in UTF-8, without a byte order mark",
            )),
        }
    }

    /// `email`, normalised.
    pub fn email(&self) -> Result<Recipient, Problem> {
        Recipient::parse(self.required("email")?).map_err(|_| Problem::InvalidEmail)
    }

    /// `challenge_id`, if there is one. For request-code it is optional.
    pub fn challenge_id(&self) -> Result<Option<ChallengeId>, Problem> {
        let id = self.optional("challenge_id")?.map(ChallengeId::parse).transpose();
        id.map_err(|_| not_a_uuid())
    }

    /// `challenge_id`, which verify-code requires.
    pub fn required_challenge_id(&self) -> Result<ChallengeId, Problem> {
        let id = self.required("challenge_id")?;
        ChallengeId::parse(id).map_err(|_| not_a_uuid())
    }

    /// `code`, which has `digits` digits.
    pub fn code(&self, digits: u8) -> Result<Code, Problem> {
        Code::parse(self.required("code")?, digits).map_err(|_| Problem::MalformedCode { digits })
    }

    /// `link`, if there is one: the parameter of a link in an email.
    pub fn link(&self) -> Result<Option<&str>, Problem> {
        self.optional(link::PARAMETER)
    }

    /// `purpose`, by default a sign-up.
    pub fn purpose(&self) -> Result<Purpose, Problem> {
        let purpose = self.optional("purpose")?.map(Purpose::parse).transpose();
        let purpose =
            purpose.map_err(|_| Problem::malformed("purpose must be 1 to 32 characters a to z, 0 to 9 and -"))?;
        Ok(purpose.unwrap_or_default())
    }

    /// `locale`, if there is one.
    pub fn locale(&self) -> Result<Option<&str>, Problem> {
        self.optional("locale")
    }

    fn required(&self, name: &str) -> Result<&str, Problem> {
        self.optional(name)?
            .ok_or_else(|| Problem::malformed(format!("{name} is missing; it must be a string")))
    }

    /// A member that is null counts as left out, because many JSON libraries write it so.
    fn optional(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::malformed(format!("{name} must be a string"))),
        }
    }
}

fn not_a_uuid() -> Problem {
    Problem::malformed("challenge_id must be a UUID, such as 7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e")
}

/// Whether a page of another site sent it (W3C Fetch Metadata). A browser that does not say so is taken at its word.
pub fn is_cross_site(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_some_and(|site| site == "cross-site")
}

/// Checks the method. API Gateway has no route for other methods, but `cargo lambda watch` does.
pub fn require(allowed: &'static str, request: &Request) -> Result<(), Problem> {
    if request.method().as_str() == allowed {
        Ok(())
    } else {
        Err(Problem::MethodNotAllowed { allowed })
    }
}

/// The link's parameter in the query of a GET. None when there is none, or several.
pub fn link_in_query(request: &Request) -> Option<String> {
    let query = request.query_string_parameters_ref()?.all(link::PARAMETER)?;
    match *query {
        [sealed] => Some(sealed.to_owned()),
        _ => None,
    }
}

/// The link's parameter in the form of a POST, as a browser sends it (WHATWG URL, 5.2). None when there is none, or several.
pub fn link_in_form(request: &Request) -> Option<String> {
    let body = request.body();
    if body.len() > MAX_BODY_BYTES {
        return None;
    }
    let mut links = form_urlencoded::parse(body)
        .filter(|(name, _)| name == link::PARAMETER)
        .map(|(_, sealed)| sealed.into_owned());
    links.next().filter(|_| links.next().is_none())
}

/// The domain of the API that the request came to. API Gateway sets it, not the caller.
pub fn domain(request: &Request) -> Option<&str> {
    context(request)?.domain_name.as_deref()
}

/// Whether a trusted caller sent it: whether it bears their token (RFC 6750, 2.1).
///
/// # Errors
///
/// [`Problem::Forbidden`] if it does not, and nobody else is served.
pub fn is_trusted(request: &Request, callers: Option<&TrustedCallers>) -> Result<bool, Problem> {
    let Some(callers) = callers else { return Ok(false) };
    let is_trusted = bearer_token(request).is_some_and(|token| callers.bear(token));
    if callers.are_alone && !is_trusted {
        return Err(Problem::Forbidden);
    }
    Ok(is_trusted)
}

fn bearer_token(request: &Request) -> Option<&str> {
    let credentials = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The person's address: the caller's as API Gateway saw it, or the one that a trusted caller names.
///
/// # Errors
///
/// A [`Problem`] if a trusted caller names something else, or the event has no address.
pub fn source(request: &Request, is_trusted: bool) -> Result<Source, Problem> {
    if let Some(named) = request.headers().get(PERSON_ADDRESS).filter(|_| is_trusted) {
        let source = named.to_str().ok().and_then(Source::parse);
        return source.ok_or_else(|| Problem::malformed("the header Person-Address must be an IP address"));
    }
    let seen = context(request).and_then(|context| context.http.source_ip.as_deref());
    seen.and_then(Source::parse)
        .ok_or_else(|| Problem::internal("the event names no source IP address"))
}

/// The id that API Gateway gave the request. It is also in the access log and in the `apigw-requestid` header.
pub fn id(request: &Request) -> &str {
    let id = context(request).and_then(|context| context.request_id.as_deref());
    id.unwrap_or("unknown")
}

/// The `Accept-Language` header.
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
